namespace BackupTool.Repositories.Archives.Tar;

/// <summary>The byte at offset 156 that says what a header stands for: POSIX.1-2001 pax, and GNU tar's own.</summary>
internal static class TarTypeFlag
{
    internal const byte Regular = (byte)'0', HardLink = (byte)'1', SymbolicLink = (byte)'2', CharacterDevice = (byte)'3', BlockDevice = (byte)'4',
        Directory = (byte)'5', Fifo = (byte)'6', Contiguous = (byte)'7', OldRegular = 0;

    internal const byte PaxHeader = (byte)'x', PaxGlobalHeader = (byte)'g', SolarisPaxHeader = (byte)'X';

    internal const byte GnuLongName = (byte)'L', GnuLongLink = (byte)'K', GnuSparse = (byte)'S', GnuDumpDirectory = (byte)'D',
        GnuMultiVolume = (byte)'M', GnuVolumeHeader = (byte)'V', GnuOldNames = (byte)'N';
}
