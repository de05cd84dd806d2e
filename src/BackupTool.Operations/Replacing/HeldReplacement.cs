using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Replacing;

/// <summary>The journal in the hands of the one process that may write it. Disposing lets go of it and removes nothing.</summary>
internal sealed class HeldReplacement(ReplacementJournal journal, PosixDirectory folder, SafeFileHandle held) : IDisposable
{
    internal ReplacementJournal Journal => journal;

    /// <summary>Publishes what is true now: it is on the disk when this returns.</summary>
    internal void Write(ReplacementRecord record) => Publish(folder, ReplacementJournal.FileName, record);

    /// <summary>Keeps a settled record, from which it can be taken back, and ends the one under way.</summary>
    internal void Archive(ReplacementRecord record)
    {
        StateDirectory.Make(journal.PreviousDirectory);
        using (PosixDirectory previous = folder.OpenDirectory(ReplacementJournal.PreviousName)) Publish(previous, NameOf(record), record);
        End();
    }

    /// <summary>Removes a settled record: what it kept is gone.</summary>
    internal void Forget(ReplacementRecord record)
    {
        using PosixDirectory previous = folder.OpenDirectory(ReplacementJournal.PreviousName);
        if (previous.TryGetStatus(NameOf(record), out _)) previous.RemoveFile(NameOf(record));
        previous.Flush();
    }

    /// <summary>Nothing is under way any more.</summary>
    internal void End()
    {
        if (folder.TryGetStatus(ReplacementJournal.FileName, out _)) folder.RemoveFile(ReplacementJournal.FileName);
        folder.Flush();
    }

    private static BytePath NameOf(ReplacementRecord record) => BytePath.From($"{record.Id}.json");

    private static void Publish(PosixDirectory directory, BytePath name, ReplacementRecord record)
    {
        BytePath unfinished = new([.. name.Bytes, .. ".new"u8]);
        directory.RemoveTree(unfinished);
        using (SafeFileHandle file = directory.CreateFile(unfinished))
        {
            PosixFile.WriteFully(file, record.Serialize(), 0, unfinished);
            PosixFile.Flush(file, unfinished);
        }
        directory.Rename(unfinished, directory, name);
        directory.Flush();
    }

    public void Dispose()
    {
        held.Dispose();
        folder.Dispose();
    }
}
