using BackupTool.Operations.Configuration;
using BackupTool.Repositories;

namespace BackupTool.Operations.Backup;

/// <summary>The one window of a run: every service holds still, all are cut side by side, all go on. Disposing lets the cuts go.</summary>
internal sealed class CutWindow : IAsyncDisposable
{
    private readonly List<OpenCut> _cuts = [];

    private CutWindow(DateTimeOffset cutAt) => CutAt = cutAt;

    /// <summary>The moment of the cut.</summary>
    internal DateTimeOffset CutAt { get; }

    /// <summary>How long everything stood still; null when nothing was stopped or frozen.</summary>
    internal TimeSpan? Length { get; }

    /// <summary>What was cut, in the order of the configuration.</summary>
    internal IReadOnlyList<OpenCut> Cuts => _cuts;

    internal static async Task<CutWindow> RunAsync(
        IReadOnlyList<PreparedService> services, OpenedRepository opened, CutContext context, Action<ServiceSettings, ExplainedException> fail, CancellationToken cancellationToken)
    {
        var window = new CutWindow(context.Time.GetUtcNow());
        try
        {
            foreach ((PreparedService service, ServiceCut? cut) in await CutAllAsync(services, context, fail, cancellationToken))
                if (cut is not null) window._cuts.Add(new OpenCut(cut, opened.ParentOf(service.Settings.Name), new CutTimes("online", "online", null, null)));
            foreach (OpenCut cut in window._cuts) cut.Cut.Finish();
            return window;
        }
        catch
        {
            await window.DisposeAsync();
            throw;
        }
    }

    private static async Task<List<(PreparedService, ServiceCut?)>> CutAllAsync(
        IReadOnlyList<PreparedService> services, CutContext context, Action<ServiceSettings, ExplainedException> fail, CancellationToken cancellationToken)
    {
        Task<ServiceCut?>[] cuts = [.. services.Select(service => Task.Run(async () =>
        {
            try
            {
                return await ServiceCut.TakeAsync(service, context, cancellationToken);
            }
            catch (ExplainedException e) when (e is not RepositoryException)
            {
                fail(service.Settings, e);
                return (ServiceCut?)null;
            }
        }, CancellationToken.None))];
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
        return [.. services.Zip(cuts, static (service, cut) => (service, cut.Result))];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (OpenCut cut in _cuts) await cut.Cut.DisposeAsync();
    }
}
