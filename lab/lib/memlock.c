/*
 * Preloaded into the lab's libvirtd where the machine's root may not raise limits (no CAP_SYS_RESOURCE). libvirt
 * raises the locked-memory limit of each QEMU that has a hard memory limit, and fails the start if it cannot; QEMU
 * locks no memory unless told to, so the refusal is swallowed. Nothing else is changed, and no child inherits this.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

__attribute__((constructor)) static void keep_from_children(void) {
    unsetenv("LD_PRELOAD");
}

static int limit(pid_t pid, int resource, const void *wanted, void *before) {
    long result = syscall(SYS_prlimit64, pid, resource, wanted, before);
    return result < 0 && errno == EPERM && resource == RLIMIT_MEMLOCK ? 0 : (int) result;
}

int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *wanted, struct rlimit *before) {
    return limit(pid, (int) resource, wanted, before);
}

int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *wanted, struct rlimit64 *before) {
    return limit(pid, (int) resource, wanted, before);
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *wanted) {
    return limit(0, (int) resource, wanted, NULL);
}

int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *wanted) {
    return limit(0, (int) resource, wanted, NULL);
}
