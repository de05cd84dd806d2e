using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Quiescing;

/// <summary>The restart journal in the hands of the one process that may write it. Disposing lets go of it and removes nothing.</summary>
internal sealed class HeldJournal : IDisposable
{
    private static readonly BytePath Name = BytePath.From(RestartJournal.LegibleName), Unfinished = BytePath.From(RestartJournal.LegibleName + ".new");
    private readonly PosixDirectory _folder;
    private readonly SafeFileHandle _lock;

    internal HeldJournal(RestartJournal journal, PosixDirectory folder, SafeFileHandle held) => (Journal, _folder, _lock) = (journal, folder, held);

    internal RestartJournal Journal { get; }

    /// <summary>The boot that we are in.</summary>
    internal static string BootId { get; } = File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "";

    /// <summary>What it says; null when there is none. Not decoded: it may be damaged.</summary>
    internal byte[]? Read()
    {
        try
        {
            return PosixFile.ReadAllFollowing(Journal.File, RestartJournal.MaxBytes);
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>Publishes a record: it is on the disk, whole, when this returns. One in which nothing is owed is the absence of a file.</summary>
    internal void Write(RestartRecord record)
    {
        ObjectDisposedException.ThrowIf(_lock.IsClosed, this);   // it may be another's by now
        if (!record.IsAnythingOwed)
        {
            Remove();
            return;
        }
        _folder.RemoveTree(Unfinished);
        using (SafeFileHandle file = _folder.CreateFile(Unfinished))
        {
            PosixFile.WriteFully(file, record.Serialize(), 0, Unfinished);
            PosixFile.Flush(file, Unfinished);
        }
        FailPoint.Reach(FailPoint.JournalUnflushed);
        _folder.Rename(Unfinished, _folder, Name);
        _folder.Flush();
    }

    /// <summary>Gives an illegible journal a second name, under which it is kept.</summary>
    internal BytePath KeepAside(DateTimeOffset now)
    {
        BytePath aside = RestartJournal.AsideName(now);
        _folder.CreateHardLink(Name, _folder, aside);
        _folder.Flush();
        return _folder.Full(aside);
    }

    internal void Remove()
    {
        if (!_folder.TryGetStatus(Name, out _)) return;
        FailPoint.Reach(FailPoint.BeforeRemoval);
        _folder.RemoveFile(Name);
        _folder.Flush();
        FailPoint.Reach(FailPoint.AfterRemoval);
    }

    public void Dispose()
    {
        _lock.Dispose();
        _folder.Dispose();
    }
}
