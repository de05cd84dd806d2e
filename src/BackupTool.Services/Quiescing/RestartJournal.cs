using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Quiescing;

/// <summary>
/// The debt of restarts, in one file (<c>restarts.json</c>) of the tool's state directory. Written whole and flushed before the first stop, removed when everything
/// that was stopped is back. Whoever stops or restarts holds <c>restarts.lock</c>: the kernel lets go of it when he ends, however he ends.
/// </summary>
/// <param name="directory">The state directory; made when it is first needed. Must survive a reboot.</param>
public sealed class RestartJournal(BytePath directory)
{
    internal const string LegibleName = "restarts.json";
    private const string LockName = "restarts.lock", IllegiblePrefix = "restarts.unreadable-";
    internal const int MaxBytes = 16 << 20;

    /// <summary>Where it is kept.</summary>
    public BytePath Directory { get; } = directory;

    /// <summary>The file. While there is one, restarts are owed.</summary>
    public BytePath File => Directory.Combine(LegibleName);

    /// <summary>Whether restarts are owed, by a living run or by one that was killed. Needs no lock.</summary>
    /// <exception cref="PosixException">The state directory cannot be read.</exception>
    public bool IsOwed => PosixFile.TryGetStatusFollowing(File, out _);

    /// <summary>Journals that could not be read and were kept: for an operator to look at, and to remove.</summary>
    /// <exception cref="PosixException">The state directory cannot be read.</exception>
    public IReadOnlyList<BytePath> KeptAside()
    {
        if (!PosixFile.TryGetStatusFollowing(Directory, out _)) return [];
        using PosixDirectory folder = PosixDirectory.Open(Directory);
        return [.. folder.ReadNames().Where(static name => name.ToString().StartsWith(IllegiblePrefix, StringComparison.Ordinal)).Select(Directory.Combine)];
    }

    internal static BytePath AsideName(DateTimeOffset now) => BytePath.From($"{IllegiblePrefix}{now.UtcDateTime:yyyyMMdd'T'HHmmss'.'fffffff}.json");

    /// <summary>The last holding through this object; whether it has ended or not.</summary>
    internal HeldJournal? Held { get; private set; }

    /// <summary>Takes the lock; null when a living process has it.</summary>
    internal HeldJournal? TryHold()
    {
        StateDirectory.Make(Directory);
        PosixDirectory folder = PosixDirectory.Open(Directory);
        SafeFileHandle? file = null;
        try
        {
            file = StateDirectory.OpenLock(folder, BytePath.From(LockName));
            if (PosixFile.TryLock(file)) return Held = new HeldJournal(this, folder, file);
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
