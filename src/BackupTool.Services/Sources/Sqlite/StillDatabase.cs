using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// A pinned database whose main file <b>is</b> the pinned moment and stays it while the pin is held: it can be read as it lies, without a copy. Valid until the
/// <see cref="PinnedDatabase"/> that gave it is disposed, which also closes the file: closing it earlier would drop SQLite's locks.
/// </summary>
/// <param name="File">The main file. Never dispose it.</param>
/// <param name="Bytes">Its size. In a copy, bytes 18 and 19 must be 1: the copy has no write-ahead log.</param>
/// <param name="UncheckedBecause">As in <see cref="CopyResult"/>.</param>
/// <param name="Damage">As in <see cref="CopyResult"/>.</param>
public sealed record StillDatabase(SafeFileHandle File, long Bytes, string? UncheckedBecause, string? Damage);
