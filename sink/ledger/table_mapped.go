//go:build unix

package ledger

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapMemory returns n zero bytes from the operating system; nil if it gives none, as
// when the process has as many mappings as it may have.
func mapMemory(n int) []byte {
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return mem
}

// unmapMemory gives back what mapMemory returned. Where the system refuses that (to give
// back the middle of a mapping makes two of it), it can still have what lies behind the addresses.
func unmapMemory(mem []byte) {
	if unix.Munmap(mem) != nil {
		_ = unix.Madvise(mem, unix.MADV_DONTNEED)
	}
}

// mappedBytes is what n bytes take: whole pages.
func mappedBytes(n int) int64 {
	page := int64(os.Getpagesize())
	return (int64(n) + page - 1) / page * page
}
