using System.Collections.Concurrent;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Backup;

/// <summary>
/// What is looked at before anything is stopped. The services themselves and their databases were tried when they were prepared; here are the room for what will be stored, the units, and
/// how the services are.
/// </summary>
internal sealed class Preflight(BackupConfiguration configuration, CutContext context)
{
    private const long LeastFreeBytes = 64 << 20;

    // Deduplication and compression together do not do better than this to what has changed.
    private const int BestRatio = 20;

    private readonly ConcurrentDictionary<string, string> _failedBefore = new(StringComparer.Ordinal);

    /// <summary>Services whose units had failed before anything was done, and what systemd says of them. Filled by <see cref="PlanAsync"/>.</summary>
    internal IReadOnlyDictionary<string, string> FailedBefore => _failedBefore;

    /// <summary>Throws when there is surely not enough room, before anything is stopped for it. A run that stops nothing may try, and loses nothing.</summary>
    internal void RequireSpace(IReadOnlyList<PreparedService> services)
    {
        long changed = services.Sum(static service => service.ChangedBytes);
        long free = PosixFile.GetFreeBytes(configuration.Repository.Path), needed = Math.Max(LeastFreeBytes, changed / BestRatio);
        if (free < needed)
            throw new OperationException($"The file system of the repository {configuration.Repository.Path} has {Megabytes(free)} free, and {Megabytes(changed)} of the services have changed: that cannot be enough.",
                "Nothing was stopped. Free space there, or move the repository to a larger disk.");

        // Copies of databases lie there until they are stored.
        long databases = services.Sum(static service => service.ChangedDatabaseBytes), room = PosixFile.GetFreeBytes(context.StagingDirectory);
        if (room < databases)
            throw new OperationException($"The staging directory {configuration.Staging.Path} has {Megabytes(room)} free, and the SQLite databases that have changed take {Megabytes(databases)}.",
                "Nothing was stopped. Free space there, or name a larger disk as `path` in [staging].");
    }

    /// <summary>Asks each service how it is, and what stopping it would mean.</summary>
    /// <exception cref="ExplainedException">systemd cannot be asked.</exception>
    internal async Task<QuiescePlan> PlanAsync(IReadOnlyList<PreparedService> services, CancellationToken cancellationToken)
    {
        QuiesceTarget[] targets = await Task.WhenAll(services.Select(service => TargetOfAsync(service, cancellationToken)));
        return await QuiescePlan.MakeAsync(targets, context.Manager, cancellationToken);
    }

    private async Task<QuiesceTarget> TargetOfAsync(PreparedService service, CancellationToken cancellationToken)
    {
        ServiceSettings settings = service.Settings;
        bool isTouched = settings.Quiesce != QuiesceMode.Online;
        HealthProbe? probe = settings.Health.IsUnitOnly ? null : settings.Health.Probe ?? service.Layout.Health;
        IHealthCheck check = HealthChecks.For(probe, isTouched ? settings.Unit : null, context.Manager) ?? new NothingToAsk();
        HealthAnswer answer = isTouched ? await check.AskAsync(cancellationToken) : new HealthAnswer(true, false, "");
        if (answer.IsFinal) _failedBefore[settings.Name] = answer.Reason;
        return new QuiesceTarget
        {
            Name = settings.Name,
            Unit = isTouched ? settings.Unit : null,
            Mode = settings.Quiesce,
            After = settings.After,
            Health = check,
            Probe = probe,
            HealthTimeout = settings.Health.Timeout,
            StopPatience = settings.StopTimeout,
            WasHealthy = answer.IsHealthy,
        };
    }

    private sealed class NothingToAsk : IHealthCheck
    {
        public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) => Task.FromResult(new HealthAnswer(true, false, "nothing to ask"));
    }

    private static string Megabytes(long bytes) => $"{bytes / 1_000_000.0:N0} MB";
}
