using System.Collections.Concurrent;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>The one window of a run: every service holds still, all are cut side by side, all go on. Disposing lets the cuts go.</summary>
internal sealed class CutWindow : IAsyncDisposable
{
    private const int MaxFreezes = 5;
    private static readonly TimeSpan PauseBetweenFreezes = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentQueue<(ServiceSettings Service, ExplainedException Reason)> _failures = [];
    private readonly CutContext _context;
    private readonly Action<ServiceSettings, ExplainedException> _fail;
    private Dictionary<string, ServiceCut> _cuts = [];

    private CutWindow(CutContext context, Action<ServiceSettings, ExplainedException> fail) => (_context, _fail) = (context, fail);

    /// <summary>The moment of the cut.</summary>
    internal DateTimeOffset CutAt { get; private set; }

    /// <summary>What became of the services.</summary>
    internal QuiesceOutcome Outcome { get; private set; } = null!;

    /// <summary>What was cut, in the order of the configuration.</summary>
    internal IReadOnlyList<OpenCut> Cuts { get; private set; } = [];

    /// <summary>Holds everything still, cuts, and lets it go on: whatever happens, what was stopped is started again before this returns or throws.</summary>
    internal static async Task<CutWindow> RunAsync(
        IReadOnlyList<PreparedService> services, QuiescePlan plan, OpenedRepository opened, CutContext context, Action<ServiceSettings, ExplainedException> fail, CancellationToken cancellationToken)
    {
        var window = new CutWindow(context, fail);
        GC.Collect();   // now, and not while everything holds still: what the preparation left is as much as a cut allocates
        try
        {
            for (int attempt = 1; ; attempt++)
            {
                bool isLast = attempt == MaxFreezes || plan.Units.Any(static unit => unit.Mode == QuiesceMode.Stop);
                if (await window.TryCutAndResumeAsync(services, plan, isLast, cancellationToken)) break;
                await Task.Delay(PauseBetweenFreezes, context.Time, cancellationToken);
            }
            await window.FinishAsync(cancellationToken);
            window.Cuts = [.. services.Where(service => window._cuts.ContainsKey(service.Settings.Name)).Select(service => window.Describe(service, opened))];
            return window;
        }
        catch
        {
            await window.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// One window. False when a service was frozen in the middle of a transaction of a rollback-journal database: nobody can read that until it is thawed, and a moment later it will be over.
    /// Everything goes on by then, and nothing is held.
    /// </summary>
    private async Task<bool> TryCutAndResumeAsync(IReadOnlyList<PreparedService> services, QuiescePlan plan, bool isLast, CancellationToken cancellationToken)
    {
        _failures.Clear();
        await using QuiescedServices quiesced = await QuiescedServices.EnterAsync(plan, _context.Manager, _context.Journal, _context.Time, _context.Progress.Message, cancellationToken);
        try
        {
            CutAt = _context.Time.GetUtcNow();
            _cuts = await CutAllAsync(services, cancellationToken);
            foreach (string moved in await quiesced.RecheckAsync(cancellationToken)) _context.Progress.Warn(moved);
        }
        catch
        {
            // Before the services start: some do not start beside pins.
            await DisposeAsync();
            throw;
        }
        Outcome = await quiesced.ResumeAsync(async service =>
        {
            if (_cuts.TryGetValue(service, out ServiceCut? cut)) await cut.CopyAndReleaseAsync();
        });
        if (!isLast && Outcome.IsWell && _failures.Any(static failure => failure is { Service.Quiesce: QuiesceMode.Freeze, Reason: DatabaseLockedException }))
        {
            foreach ((ServiceSettings service, ExplainedException reason) in _failures) _context.Progress.Message($"{service.Name}: {reason.Message}; once more");
            await DisposeAsync();
            foreach (PreparedService service in services) await service.Dumps.UnpinAsync(cancellationToken);
            return false;
        }
        foreach ((ServiceSettings service, ExplainedException reason) in _failures) _fail(service, reason);
        return true;
    }

    private async Task<Dictionary<string, ServiceCut>> CutAllAsync(IReadOnlyList<PreparedService> services, CancellationToken cancellationToken)
    {
        // The largest first: the window is as long as its cut. Threads of their own, because the pool has one for each core and is slow to add more.
        Task<ServiceCut?>[] cuts = [.. services.OrderByDescending(static service => service.Listing.Count)
            .Select(service => Task.Factory.StartNew(() => CutUrgently(service, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap())];
        try
        {
            await Task.WhenAll(cuts);
        }
        catch
        {
            foreach (Task<ServiceCut?> cut in cuts)
                if (cut.IsCompletedSuccessfully && cut.Result is { } taken) await taken.DisposeAsync();
            throw;
        }
        return cuts.Select(static cut => cut.Result).OfType<ServiceCut>().ToDictionary(static cut => cut.Settings.Name);
    }

    private Task<ServiceCut?> CutUrgently(PreparedService service, CancellationToken cancellationToken)
    {
        ThreadUrgency.TryRaise();
        return TryCutAsync(service, cancellationToken);
    }

    private async Task<ServiceCut?> TryCutAsync(PreparedService service, CancellationToken cancellationToken)
    {
        try
        {
            return await ServiceCut.TakeAsync(service, _context, cancellationToken);
        }
        catch (ExplainedException e) when (e is not RepositoryException)
        {
            _failures.Enqueue((service.Settings, e));
            return null;
        }
    }

    private async Task FinishAsync(CancellationToken cancellationToken)
    {
        foreach (ServiceCut cut in _cuts.Values.ToList())
        {
            try
            {
                await cut.FinishAsync(cancellationToken);
            }
            catch (ExplainedException e) when (e is not RepositoryException)
            {
                _fail(cut.Settings, e);
                _cuts.Remove(cut.Settings.Name);
                await cut.DisposeAsync();
            }
        }
    }

    private OpenCut Describe(PreparedService service, OpenedRepository opened)
    {
        string name = service.Settings.Name;
        ServiceOutcome outcome = Outcome.Services.First(each => each.Name == name);
        string? crash = outcome.CopyKind == CopyKind.Crash ? outcome.CopyReason ?? "it did not end well" : null;
        return new OpenCut(_cuts[name], opened.ParentOf(name), outcome.Mode.ToString().ToLowerInvariant(), outcome.CopyKind.ToString().ToLowerInvariant(), crash, outcome.Downtime);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ServiceCut cut in _cuts.Values) await cut.DisposeAsync();
        _cuts = [];
    }
}
