using System.Reflection;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Sanity;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Sqlite;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Backup;

/// <summary>
/// One backup, from the preflight to the committed snapshot. A service that cannot be taken fails alone; the others are stored, and the report names it. A run in which every
/// service fails commits nothing.
/// </summary>
public sealed class BackupRun(BackupConfiguration configuration, IServiceManager manager, IProgressObserver progress, TimeProvider time)
{
    private readonly List<ServiceFailure> _failures = [];

    /// <summary>The version of this tool, as snapshots record it.</summary>
    public static string ToolVersion { get; } = typeof(BackupRun).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    /// <summary>Makes the backup.</summary>
    /// <exception cref="ExplainedException">Nothing was committed.</exception>
    public async Task<BackupReport> RunAsync(BackupRequest request, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        IReadOnlyList<ServiceSettings> services = Choose(request.Services);
        SqliteLibrary.Require();
        Repository repository = await Repository.OpenAsync(new LocalStorage(configuration.Repository.Path), cancellationToken);
        await using RepositoryLock held = await RepositoryLock.AcquireAsync(repository.Storage, LockMode.Write, "now",
            request.LockWait ?? configuration.Repository.LockWait, time, progress.Message, cancellationToken);
        if (await repository.CheckFixedFilesAsync(cancellationToken) is [var damage, ..]) throw damage;
        BytePath staging = RunStaging.Create(configuration.Staging.Path, progress);
        try
        {
            OpenedRepository opened = await OpenedRepository.OpenAsync(repository, held, progress, cancellationToken);
            var context = new CutContext(repository, opened.Index, configuration.Repository.Path, staging, manager, new RestartJournal(configuration.State.Path), progress, time, request.AcceptsDamage);
            return await RunLockedAsync(request, services, opened, context, started, cancellationToken);
        }
        finally
        {
            PosixDirectory.Current.RemoveTree(staging);
        }
    }

    private async Task<BackupReport> RunLockedAsync(
        BackupRequest request, IReadOnlyList<ServiceSettings> services, OpenedRepository opened, CutContext context, long started, CancellationToken cancellationToken)
    {
        await using var prepared = await PreparedServices.PrepareAsync(services, opened, context, request.DryRun, Fail, cancellationToken);
        if (prepared.Services.Count == 0) throw EverythingFailed("Nothing was stored. Correct this and run it again.");
        var preflight = new Preflight(configuration, context);
        QuiescePlan plan = await preflight.PlanAsync(prepared.Services, cancellationToken);
        if (request.DryRun) return new BackupReport(null, plan, null, [.. prepared.Services.Select(ReportOf)], _failures, opened.Damaged) { FailedBefore = preflight.FailedBefore };
        if (plan.Units.Count > 0) preflight.RequireSpace(prepared.Services);
        RequireReady(plan, request.KeepsGoing);

        progress.Begin("cut", null, null);
        await using CutWindow window = await CutWindow.RunAsync(prepared.Services, plan, opened, context, Fail, cancellationToken);
        if (window.Cuts.Count == 0) throw EverythingFailed("Nothing was stored. Correct this and run it again.");

        var store = new SnapshotStore(configuration, opened, new ServiceSanity(opened, manager, progress, time), progress, time);
        StoredSnapshot snapshot = await store.StoreAsync(request, window.Cuts, new(started, window.CutAt, plan.Units.Count == 0 ? null : window.Outcome.Window), _failures, Fail, cancellationToken)
            ?? throw EverythingFailed("Nothing was committed. Correct this and run it again.");
        return new BackupReport(snapshot, plan, window.Outcome, [.. window.Cuts.Where(IsStored).Select(ReportOf)], _failures, opened.Damaged) { FailedBefore = preflight.FailedBefore };
    }

    /// <summary>A plan that cannot be carried out, or that would stop services for a backup which lacks one, stops nothing.</summary>
    private void RequireReady(QuiescePlan plan, bool keepsGoing)
    {
        if (plan.Problems.Count > 0)
            throw new OperationException(string.Join("\n", plan.Problems.Select(static problem => $"{problem.Service}: {problem.Message} {problem.Hint}")), "Nothing was stopped, and nothing stored. Correct this and run it again.");
        if (_failures.Count > 0 && plan.Units.Count > 0 && !keepsGoing)
            throw EverythingFailed("Nothing was stopped, and nothing stored. Correct this, or back up the others all the same with --keep-going, or with --service for each.");
    }

    private bool IsStored(OpenCut cut) => _failures.TrueForAll(failure => failure.Name != cut.Settings.Name);

    private OperationException EverythingFailed(string hint) => new(string.Join("\n", _failures.Select(static f => $"{f.Name}: {f.Reason}")), hint);

    private static ServiceReport ReportOf(OpenCut open)
    {
        ServiceCut cut = open.Cut;
        return new(open.Settings.Name, cut.Entries, cut.Bytes, cut.ChangedBytes, cut.Findings.LeftOut, cut.Findings.Warnings);
    }

    private static ServiceReport ReportOf(PreparedService service) =>
        new(service.Settings.Name, service.Listing.Count, service.Bytes, service.ChangedBytes, service.Findings.LeftOut, service.Findings.Warnings);

    private IReadOnlyList<ServiceSettings> Choose(IReadOnlyList<string> names)
    {
        foreach (string name in names)
        {
            if (configuration.Services.Any(s => s.Name == name)) continue;
            throw new UnknownServiceException($"There is no service '{name}' in {configuration.File}.", $"It has: {string.Join(", ", configuration.Services.Select(static s => s.Name))}.");
        }
        if (configuration.Services.Count == 0) throw new OperationException($"{configuration.File} names no service: there is nothing to back up.", "Run 'backup config discover' for a proposal.");
        return names.Count == 0 ? configuration.Services : [.. configuration.Services.Where(s => names.Contains(s.Name))];
    }

    private void Fail(ServiceSettings service, ExplainedException failure)
    {
        string message = failure.Message.TrimEnd('.');
        lock (_failures) _failures.Add(new ServiceFailure(service.Name, failure.Hint is null ? $"{message}." : $"{message}. {failure.Hint}"));
    }
}
