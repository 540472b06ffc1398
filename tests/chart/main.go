// Renders charts/osm with Helm's own library and compares the objects with those of `osm install`, for each set of values
// in tests/chart/values: chart OSM CHART VALUES-DIR
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"sigs.k8s.io/yaml"
)

type objects map[string]map[string]any

// What `osm mesh upgrade` goes by: a release remembers its values itself.
const remembered = "openservicemesh.io/install-values"

func forget(meta map[string]any, annotation string) {
	all, _ := meta["annotations"].(map[string]any)
	if delete(all, annotation); len(all) == 0 {
		delete(meta, "annotations")
	}
}

// add takes the documents of one text; a namespace is what `helm install --create-namespace` makes.
func (o objects) add(text string) error {
	for _, doc := range strings.Split("\n"+text, "\n---") {
		var v map[string]any
		if err := yaml.Unmarshal([]byte(doc), &v); err != nil {
			return fmt.Errorf("%w in:\n%s", err, doc)
		}
		if len(v) == 0 || v["kind"] == "Namespace" {
			continue
		}
		meta := v["metadata"].(map[string]any)
		forget(meta, remembered)
		o[fmt.Sprintf("%v %v/%v", v["kind"], meta["namespace"], meta["name"])] = v
	}
	return nil
}

func rendered(dir string, values map[string]any) (objects, error) {
	chart, err := loader.Load(dir)
	if err != nil {
		return nil, err
	}
	options := chartutil.ReleaseOptions{Name: "osm", Namespace: "osm-system", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(chart, values, options, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	out := objects{}
	for name, text := range files {
		if strings.HasSuffix(name, ".tpl") {
			continue
		}
		if err := out.add(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, crd := range chart.CRDObjects() {
		if err := out.add(string(crd.File.Data)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func installed(osm, file string) (objects, error) {
	text, err := exec.Command(osm, "install", "--values", file, "--output", "yaml").Output()
	if err != nil {
		return nil, fmt.Errorf("osm install: %w", err)
	}
	out := objects{}
	return out, out.add(string(text))
}

func compare(osm, chart, file string) (bad []string, n int) {
	raw, err := os.ReadFile(file)
	values := map[string]any{}
	if err == nil {
		err = yaml.Unmarshal(raw, &values)
	}
	var theirs, ours objects
	if err == nil {
		theirs, err = rendered(chart, values)
	}
	if err == nil {
		ours, err = installed(osm, file)
	}
	if err != nil {
		return []string{err.Error()}, 0
	}
	for name, v := range ours {
		if w, ok := theirs[name]; !ok {
			bad = append(bad, name+" is not in the chart")
		} else if !reflect.DeepEqual(v, w) {
			a, _ := yaml.Marshal(v)
			b, _ := yaml.Marshal(w)
			bad = append(bad, fmt.Sprintf("%s differs\n--- osm install\n%s--- chart\n%s", name, a, b))
		}
	}
	for name := range theirs {
		if _, ok := ours[name]; !ok {
			bad = append(bad, name+" is in the chart alone")
		}
	}
	sort.Strings(bad)
	return bad, len(ours)
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: chart OSM CHART VALUES-DIR")
		os.Exit(2)
	}
	files, _ := filepath.Glob(filepath.Join(os.Args[3], "*.yaml"))
	failed := 0
	for _, file := range files {
		bad, n := compare(os.Args[1], os.Args[2], file)
		for _, b := range bad {
			fmt.Printf("%s: %s\n", filepath.Base(file), b)
		}
		if len(bad) > 0 {
			failed++
		} else {
			fmt.Printf("%s: %d objects are the same\n", filepath.Base(file), n)
		}
	}
	fmt.Printf("%d passed, %d failed\n", len(files)-failed, failed)
	if failed > 0 || len(files) == 0 {
		os.Exit(1)
	}
}
