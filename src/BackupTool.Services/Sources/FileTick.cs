using BackupTool.Posix;

namespace BackupTool.Services.Sources;

/// <summary>
/// File times move in ticks of a few milliseconds: a file written in the present tick can be written again and keep its mtime. Whoever concludes
/// "same size and mtime, so unchanged" has to ask here first (git calls such a file racily clean).
/// </summary>
internal static class FileTick
{
    /// <summary>
    /// Whether a write after <paramref name="now"/> (of <see cref="PosixIdentity.FileClock"/>) could leave <paramref name="modifiedAt"/> as it is. Not
    /// for a time further ahead than the second in which clocks and their ticks may differ: the next write would set such a file back.
    /// </summary>
    internal static bool CanHideALaterWrite(UnixTime modifiedAt, UnixTime now) =>
        modifiedAt >= now && modifiedAt <= now with { Seconds = now.Seconds + 1 };
}
