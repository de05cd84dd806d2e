namespace BackupTool.Posix;

/// <summary>
/// Memory straight from the kernel, in whole pages, aligned to them. Not from malloc, which after a few large blocks keeps what is freed and lets it fragment: a
/// run's memory grew from 100 MB to 900.
/// </summary>
public static unsafe class PageMemory
{
    /// <summary>Allocates zeroed pages.</summary>
    /// <exception cref="InsufficientMemoryException">The kernel has none.</exception>
    public static byte* Allocate(int bytes)
    {
        byte* start = Libc.mmap(0, bytes, 1 | 2 /* PROT_READ | PROT_WRITE */, 2 | 0x20 /* MAP_PRIVATE | MAP_ANONYMOUS */, -1, 0);
        return (nint)start == -1 ? throw new InsufficientMemoryException($"no {bytes:N0} bytes of memory are left") : start;
    }

    /// <summary>Gives them back at once.</summary>
    public static void Free(byte* start, int bytes) => _ = Libc.munmap(start, bytes);
}
