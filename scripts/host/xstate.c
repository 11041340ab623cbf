// Preloaded into User Mode Linux on a processor with AMX. It saves and restores
// the registers of its processes by ptrace, into a buffer that has no room for
// those of AMX (Linux 6.1), while the machine's kernel takes all of them or
// none. What is asked for is cut to the buffer here, and what is given filled
// up: no process there uses AMX, whose registers stay in their first state.
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define XSTATE 0x202         // the set of registers
#define HEADER 512           // where it begins to say what is in it
#define AMX (3UL << 17)      // its two parts

static char all[64 * 1024] __attribute__((aligned(64)));

long ptrace(enum __ptrace_request request, ...)
{
	va_list rest;
	va_start(rest, request);
	long pid = va_arg(rest, int);
	void *address = va_arg(rest, void *);
	void *data = va_arg(rest, void *);
	va_end(rest);

	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER) {
		long value, failed = syscall(SYS_ptrace, request, pid, address, &value);
		if (failed)
			return failed;
		errno = 0;
		return value;
	}
	if ((request != PTRACE_GETREGSET && request != PTRACE_SETREGSET) || (long)address != XSTATE)
		return syscall(SYS_ptrace, request, pid, address, data);

	struct iovec *asked = data, whole = {all, sizeof all};
	// In either case first what there is, for its size.
	long failed = syscall(SYS_ptrace, PTRACE_GETREGSET, pid, address, &whole);
	if (failed)
		return failed;
	size_t size = asked->iov_len < whole.iov_len ? asked->iov_len : whole.iov_len;
	if (request == PTRACE_GETREGSET) {
		memcpy(asked->iov_base, all, size);
		asked->iov_len = size;
		return 0;
	}
	memset(all, 0, whole.iov_len);
	memcpy(all, asked->iov_base, size);
	if (size < whole.iov_len)
		*(unsigned long *)(all + HEADER) &= ~AMX;
	return syscall(SYS_ptrace, request, pid, address, &whole);
}
