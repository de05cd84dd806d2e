using BackupTool.Posix;

namespace BackupTool.Services.Sources.Files;

/// <summary>One entry of a source as the walk saw it. No regular file has been opened for it.</summary>
/// <param name="Path">Absolute path.</param>
/// <param name="Status">Its status; of a link, the link's own.</param>
/// <param name="LinkTarget">Where a symbolic link points, as written in it; empty for anything else.</param>
public sealed record WalkedEntry(BytePath Path, FileStatus Status, BytePath LinkTarget);
