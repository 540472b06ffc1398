/* bug_report.h - osm support bug-report. */
#pragma once
/* argv[0] is "bug-report"; returns the exit status. */
int bug_report(int argc, char **argv);
