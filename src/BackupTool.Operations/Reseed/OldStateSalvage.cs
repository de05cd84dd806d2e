using BackupTool.Operations.Backup;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite.Salvaging;

namespace BackupTool.Operations.Reseed;

/// <summary>Copies what SQLite can still read of the wiped databases into new ones in the state directory. It is the old files, moved away and at rest, that are read, and not changed.</summary>
internal sealed class OldStateSalvage(BytePath stateDirectory, IProgressObserver progress, TimeProvider time)
{
    private static readonly TimeSpan Budget = TimeSpan.FromMinutes(10);

    /// <summary>Salvages those that are damaged, as the safety snapshot found; all, where there is none or all are wanted.</summary>
    internal IReadOnlyList<SalvagedDatabase> Run(WipePlan plan, ReplacementRecord record, BackupReport? safety, bool wantsAll, CancellationToken cancellationToken)
    {
        var salvaged = new List<SalvagedDatabase>();
        foreach (WipedFile file in plan.Targets.SqliteFiles.Where(static file => file.IsThere))
        {
            bool isDamaged = safety is null || safety.Services.SelectMany(static service => service.Warnings).Any(warning => warning.Path == file.Live.ToString());
            if (!isDamaged && !wantsAll) continue;
            progress.Begin("salvage", null, null);
            BytePath directory = ReplacementLeftovers.SalvagedDirectory(stateDirectory, record.Id), copy = directory.Combine(file.Live.Name);
            for (int number = 2; PosixDirectory.Current.TryGetStatus(copy, out _); number++) copy = directory.Combine($"{number}-{file.Live.Name}");
            SalvagedDatabase one = Salvage(file.Live, PathExchange.OldIn(NewState.AsideOf(file.Live, record.Id)).Combine(file.Live.Name), copy, cancellationToken);
            // What could be read whole is whole where it was moved to.
            if (one.Report is { IsWhole: true } && !wantsAll && safety is null) Remove(directory, copy);
            else salvaged.Add(one);
        }
        return salvaged;
    }

    private SalvagedDatabase Salvage(BytePath live, BytePath old, BytePath copy, CancellationToken cancellationToken)
    {
        try
        {
            StateDirectory.Make(copy.Parent);
            return new SalvagedDatabase(live, copy, DatabaseSalvage.Run(old, copy, Budget, time, cancellationToken), null);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            return new SalvagedDatabase(live, null, null, e.Message);
        }
    }

    private static void Remove(BytePath directory, BytePath copy)
    {
        PosixDirectory.Current.RemoveTree(copy);
        using PosixDirectory opened = PosixDirectory.Open(directory);
        if (opened.ReadNames().Count == 0) PosixDirectory.Current.RemoveDirectory(directory);
    }
}
