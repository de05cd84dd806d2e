using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// What is known of replacements, in the tool's state directory: the one under way (<c>replacement.json</c>), whose owner holds <c>replacement.lock</c>, and those that are settled
/// and could be taken back (<c>previous/ID.json</c>).
/// </summary>
/// <param name="directory">The state directory; made when it is first needed. Must survive a reboot.</param>
public sealed class ReplacementJournal(BytePath directory)
{
    private const int MaxBytes = 64 << 20;
    private static readonly BytePath LockName = BytePath.From("replacement.lock");
    internal static readonly BytePath FileName = BytePath.From("replacement.json"), PreviousName = BytePath.From("previous");

    /// <summary>Where it is kept.</summary>
    public BytePath Directory { get; } = directory;

    /// <summary>The file. While there is one, a replacement is under way, or was killed.</summary>
    public BytePath File => Directory.Combine(FileName);

    /// <summary>Whether a replacement is under way, of a living process or of one that was killed.</summary>
    public bool IsUnderWay => PosixFile.TryGetStatusFollowing(File, out _);

    internal BytePath PreviousDirectory => Directory.Combine(PreviousName);

    /// <summary>What it says; null when there is none.</summary>
    /// <exception cref="OperationException">It cannot be read.</exception>
    internal ReplacementRecord? Read() => Read(File);

    /// <summary>Replacements that are settled and whose other state is kept, the newest first.</summary>
    /// <exception cref="OperationException">One of them cannot be read.</exception>
    public IReadOnlyList<ReplacementRecord> ReadPrevious()
    {
        if (!PosixFile.TryGetStatusFollowing(PreviousDirectory, out _)) return [];
        using PosixDirectory folder = PosixDirectory.Open(PreviousDirectory);
        return [.. folder.ReadNames().Where(static name => name.ToString().EndsWith(".json", StringComparison.Ordinal))
            .Select(name => Read(PreviousDirectory.Combine(name))).OfType<ReplacementRecord>().OrderByDescending(static record => record.Began)];
    }

    private static ReplacementRecord? Read(BytePath file)
    {
        try
        {
            return ReplacementRecord.Parse(PosixFile.ReadAllFollowing(file, MaxBytes), file);
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>Takes the lock; null when a living process has it.</summary>
    internal HeldReplacement? TryHold()
    {
        StateDirectory.Make(Directory);
        PosixDirectory folder = PosixDirectory.Open(Directory);
        SafeFileHandle? file = null;
        try
        {
            file = StateDirectory.OpenLock(folder, LockName);
            if (PosixFile.TryLock(file)) return new HeldReplacement(this, folder, file);
        }
        catch
        {
            file?.Dispose();
            folder.Dispose();
            throw;
        }
        file.Dispose();
        folder.Dispose();
        return null;
    }
}
