//go:build !unix

package ledger

// mapMemory maps nothing here: all slabs lie on the heap.
func mapMemory(int) []byte { return nil }

func unmapMemory([]byte) {}

func mappedBytes(n int) int64 { return int64(n) }
