using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Operations.Backup;

/// <summary>What the cut decided for an entry.</summary>
[Flags]
internal enum CutFlags : byte
{
    None = 0,
    /// <summary>The parent has it as it is.</summary>
    Unchanged = 1,
    /// <summary>A SQLite database: its content is the staged copy.</summary>
    Database = 2,
    /// <summary>A PostgreSQL dump, which is made while it is stored.</summary>
    Dump = 4,
}

/// <summary>One entry of a cut.</summary>
internal sealed record CutEntry(BytePath Path, FileStatus Status, BytePath LinkTarget, CutFlags Flags, string ChangeKey, BytePath StagedPath)
{
    /// <summary>An entry as it was walked by.</summary>
    internal static CutEntry Of(WalkedEntry entry, CutFlags flags, string changeKey) => new(entry.Path, entry.Status, entry.LinkTarget, flags, changeKey, default);

    /// <summary>Linking moves the ctime of a table file, which never changes otherwise: its mtime, owner and mode tell instead.</summary>
    internal static CutEntry OfEngineFile(StagedFile file)
    {
        FileStatus status = file.OriginalStatus;
        string key = "";
        if (file.IsImmutable)
        {
            key = string.Create(CultureInfo.InvariantCulture, $"immutable {status.Mode},{status.Uid},{status.Gid}");
            status = status with { ChangedAt = status.ModifiedAt, LinkCount = 1 };
        }
        return new CutEntry(file.OriginalPath, status, default, CutFlags.None, key, file.StagedPath);
    }
}
