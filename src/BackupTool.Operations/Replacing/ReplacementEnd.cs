using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Replacing;

/// <summary>What is done with the side that does not live: kept, so that it can be had again, or thrown away.</summary>
internal sealed class ReplacementEnd(HeldReplacement held, ReplacementContext context)
{
    private static readonly BytePath DoomedName = BytePath.From("forgotten");

    /// <summary>Concludes a settled replacement, and keeps a report of it: the journal is free for another one afterwards.</summary>
    internal async Task ConcludeAsync(ReplacementOutcome outcome)
    {
        ReplacementRecord record = outcome.Record;
        Report(outcome);
        if (record.Live == Side.Old && !record.WasSettled)
        {
            await DiscardAsync(record, Side.New);
            held.End();
        }
        else
        {
            held.Archive(record);
        }
        FailPoint.Reach(FailPoint.Archived);
    }

    /// <summary>Throws away what had been prepared, when nothing live was touched yet.</summary>
    internal async Task AbandonAsync(ReplacementRecord record)
    {
        await DiscardAsync(record, Side.New);
        held.End();
    }

    /// <summary>Throws away the other side of a replacement that was settled. Once it has begun nobody can roll back to it: half of it may be gone.</summary>
    internal async Task ForgetAsync(ReplacementRecord record)
    {
        Side forgotten = record.Live == Side.New ? Side.Old : Side.New;
        foreach (BytePath aside in Asides(record)) Doom(aside, forgotten);
        await DiscardAsync(record, forgotten);
        ReplacementLeftovers.RemoveSalvaged(held.Journal.Directory, record.Id);
        held.Forget(record);
    }

    // That it cannot be kept makes what was done no worse.
    private void Report(ReplacementOutcome outcome)
    {
        try
        {
            BytePath report = ReplacementReport.Write(held.Journal.Directory, outcome, context.Time.GetUtcNow());
            if (!outcome.IsReached) context.Progress.Message($"what was seen is kept in {report}");
        }
        catch (PosixException e)
        {
            context.Progress.Warn($"the report of this could not be kept: {e.Message}");
        }
    }

    private async Task DiscardAsync(ReplacementRecord record, Side side)
    {
        foreach (ReplacedDatabase database in record.Databases) await context.Databases.DropAsync(record, database, side);
        foreach (BytePath aside in Asides(record)) Remove(aside);
    }

    private static IEnumerable<BytePath> Asides(ReplacementRecord record) => record.Paths.Select(static path => path.Aside).Distinct().Select(PathText.Read);

    private static void Doom(BytePath aside, Side side)
    {
        BytePath slot = side == Side.Old ? PathExchange.OldIn(aside) : PathExchange.NewIn(aside);
        if (!PosixDirectory.Current.TryGetStatus(slot, out _)) return;
        using PosixDirectory directory = PosixDirectory.Open(aside);
        directory.RenameWithoutReplacing(slot.Name, directory, DoomedName);
        directory.Flush();
    }

    // What belongs to neither side is somebody's: it stays, and is named.
    private void Remove(BytePath aside)
    {
        if (!PosixDirectory.Current.TryGetStatus(aside, out _)) return;
        foreach (MountPoint mount in MountTable.Read())
            if (mount.Path.IsAtOrBelow(aside)) throw new OperationException($"{mount.Path} is a mount point ({mount.FileSystem}) in what is to be removed: what is on it would be lost.", $"Unmount it ('umount {mount.Path}'), and try again.");
        using PosixDirectory parent = PosixDirectory.Open(aside.Parent);
        using (PosixDirectory directory = parent.OpenDirectory(aside.Name))
        {
            directory.RemoveTree(PathExchange.NewIn(aside).Name);
            directory.RemoveTree(PathExchange.OldIn(aside).Name);
            directory.RemoveTree(DoomedName);
            if (directory.ReadNames().Count > 0)
            {
                context.Progress.Warn($"{aside} keeps what somebody had made in a place that was being exchanged: look at it, then remove it");
                return;
            }
        }
        parent.RemoveDirectory(aside.Name);
        parent.Flush();
    }
}
