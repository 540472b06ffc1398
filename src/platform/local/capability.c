#include "platform/local/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/local/doc.h"

#define BIT(x) (UINT64_C(1) << (x))

static const char *const names[] = {
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
};
enum { COUNT = sizeof names / sizeof *names };

uint64_t capability_default(void)
{
    return BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_NET_RAW) |
           BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |
           BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE);
}

static bool find(struct str name, uint64_t *bits, struct err *err)
{
    if (str_starts(name, S("CAP_"))) name = str_sub(name, 4, name.n);
    if (str_is(name, "ALL")) return *bits = BIT(COUNT) - 1, true;
    for (int i = 0; i < COUNT; i++)
        if (str_is(name, names[i])) return *bits = BIT(i), true;
    return err_set(err, "no capability is called '%.*s'", STR_FMT(name));
}

static bool collect(const json_t *list, uint64_t *out, struct err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        uint64_t bits = 0;
        if (!find(str_of(json_string_value(item)), &bits, err)) return false;
        *out |= bits;
    }
    return true;
}

bool capability_of_json(const json_t *security, uint64_t *out, struct err *err)
{
    uint64_t add = 0, drop = 0;
    if (!collect(doc_at(security, "capabilities.add"), &add, err) ||
        !collect(doc_at(security, "capabilities.drop"), &drop, err))
        return false;
    *out = (capability_default() & ~drop) | add;
    if (doc_flag(security, "privileged", false)) *out = BIT(COUNT) - 1;
    return true;
}

bool capability_limit(uint64_t set, struct err *err)
{
    for (int i = 0; i < COUNT; i++)
        if (!(set & BIT(i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EINVAL)
            return err_errno(err, errno, "cannot drop capability %s", names[i]);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2];
    if (syscall(SYS_capget, &head, now) < 0) return err_errno(err, errno, "cannot read capabilities");
    now[0].inheritable = now[1].inheritable = 0;
    return syscall(SYS_capset, &head, now) == 0 || err_errno(err, errno, "cannot set capabilities");
}
