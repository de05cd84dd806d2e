using BackupTool.Operations.Replacing;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Reseed;

/// <summary>Makes what takes the place of wiped databases, beside them: for a RocksDB an empty directory, for a PostgreSQL database an empty one, for a SQLite database nothing, because programs make that themselves.</summary>
internal sealed class EmptyState(WipePlan plan, LiveDatabases databases)
{
    /// <summary>The paths that will be moved away.</summary>
    internal static ReplacedPath[] PathsOf(WipePlan plan, string id) => [.. plan.Targets.Files.Select(file => new ReplacedPath
    {
        Live = PathText.Write(file.Live),
        Aside = PathText.Write(NewState.AsideOf(file.Live, id)),
        Companions = file.IsDirectory ? [] : [.. NewState.DatabaseCompanions.Select(static suffix => new Companion(suffix, false))],
        Carried = [.. file.Carried.Select(PathText.Write)],
    })];

    /// <summary>The databases that will change places.</summary>
    internal static ReplacedDatabase[] DatabasesOf(WipePlan plan) => [.. plan.Targets.Databases.Select(target => new ReplacedDatabase
    {
        Service = plan.Targets.Settings.Name,
        Database = target.Database,
        Host = target.Host,
        Port = target.Port,
        HadOld = true,
    })];

    /// <exception cref="ExplainedException">A PostgreSQL database cannot be made.</exception>
    /// <exception cref="PosixException">A directory cannot be made.</exception>
    internal async Task MakeAsync(ReplacementRecord record, CancellationToken cancellationToken)
    {
        foreach (BytePath aside in record.Paths.Select(static path => path.Aside).Distinct().Select(PathText.Read)) PathExchange.Make(aside);
        FailPoint.Reach(FailPoint.AsideMade);
        foreach (WipedFile file in plan.Targets.Files.Where(static file => file.IsDirectory)) MakeLike(file.Live, PathExchange.NewIn(NewState.AsideOf(file.Live, record.Id)));
        foreach (PostgresTarget target in plan.Targets.Databases)
            await (await databases.OpenAsync(record.Id, target, cancellationToken)).CreateEmptyAsync(cancellationToken);
        FailPoint.Reach(FailPoint.NewStateMade);
    }

    private static void MakeLike(BytePath model, BytePath into)
    {
        FileStatus status = PosixDirectory.Current.GetStatus(model);
        using PosixDirectory parent = PosixDirectory.Open(into);
        parent.CreateDirectory(model.Name, 0x1c0 /* 0700 */);
        parent.SetOwner(model.Name, status.Uid, status.Gid);
        parent.SetMode(model.Name, status.Mode);
        foreach (ExtendedAttribute attribute in PosixDirectory.Current.ReadExtendedAttributes(model)) parent.SetExtendedAttribute(model.Name, attribute);
        parent.Flush();
    }
}
