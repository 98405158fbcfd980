/* Preloaded into a run: logs what it does to the files of a folder, and what it says on standard output.

   A record is kind, length of the path, offset and size, then path and bytes. Memory maps aren't seen; SQLite
   maps only its index of the log, which it makes anew after a power cut. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct head { int64_t kind, path, offset, size; };

static int out = -1;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
    folder = getenv("POWER_FOLDER");
    const char *log = getenv("POWER_LOG");
    if (folder && log) out = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(char kind, const char *path, int64_t offset, const void *data, int64_t size, int64_t told) {
    struct head head = {kind, strlen(path), offset, size};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)data, told}};
    syscall(SYS_writev, out, parts, told ? 3 : 2);
}

static int ours(const char *path) { return out >= 0 && strncmp(path, folder, strlen(folder)) == 0; }

static int of(int file, char *path) {
    char link[64];
    if (out < 0 || file == out) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = readlink(link, path, PATH_MAX - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return ours(path);
}

ssize_t write(int file, const void *data, size_t size) {
    char path[PATH_MAX];
    int mine = of(file, path);
    int64_t offset = mine ? lseek(file, 0, SEEK_CUR) : 0;
    if (mine && fcntl(file, F_GETFL) & O_APPEND) offset = lseek(file, 0, SEEK_END);
    ssize_t done = syscall(SYS_write, file, data, size);
    if (mine && done > 0) note('w', path, offset, data, done, done);
    else if (out >= 0 && file == 1 && done > 0) note('o', "", 0, data, done, done);
    return done;
}

ssize_t pwrite64(int file, const void *data, size_t size, off_t offset) {
    char path[PATH_MAX];
    ssize_t done = syscall(SYS_pwrite64, file, data, size, offset);
    if (done > 0 && of(file, path)) note('w', path, offset, data, done, done);
    return done;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) { return pwrite64(file, data, size, offset); }

int ftruncate64(int file, off_t size) {
    char path[PATH_MAX];
    int done = syscall(SYS_ftruncate, file, size);
    if (done == 0 && of(file, path)) note('t', path, size, "", 0, 0);
    return done;
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

int fsync(int file) {
    char path[PATH_MAX];
    int done = syscall(SYS_fsync, file);
    if (done == 0 && of(file, path)) note('s', path, 0, "", 0, 0);
    return done;
}

int fdatasync(int file) { return fsync(file); }

int unlink(const char *path) {
    char whole[PATH_MAX];
    int mine = realpath(path, whole) && ours(whole);
    int done = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (done == 0 && mine) note('u', whole, 0, "", 0, 0);
    return done;
}

int rename(const char *from, const char *to) {
    char before[PATH_MAX], after[PATH_MAX];
    int mine = realpath(from, before) && ours(before);
    int done = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    if (done == 0 && mine && realpath(to, after)) note('r', before, 0, after, strlen(after), strlen(after));
    return done;
}
