using BackupTool.Operations.Configuration;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Backup;

/// <summary>Every service of a run, looked at before anything is stopped.</summary>
internal sealed class PreparedServices : IAsyncDisposable
{
    private readonly List<PreparedService> _services = [];

    internal IReadOnlyList<PreparedService> Services => _services;

    /// <summary>Looks at each; one that cannot be backed up goes to <paramref name="fail"/>.</summary>
    internal static async Task<PreparedServices> PrepareAsync(
        IReadOnlyList<ServiceSettings> services, OpenedRepository opened, CutContext context, bool isDryRun, Action<ServiceSettings, ExplainedException> fail, CancellationToken cancellationToken)
    {
        var prepared = new PreparedServices();
        try
        {
            foreach (ServiceSettings service in services)
            {
                try
                {
                    ServiceSnapshot? parent = opened.ParentOf(service.Name)?.Snapshot.Services.First(other => other.Name == service.Name);
                    prepared._services.Add(await PreparedService.PrepareAsync(service, context, parent, isDryRun, cancellationToken));
                }
                catch (ExplainedException e) when (e is not RepositoryException)
                {
                    fail(service, e);
                }
            }
            return prepared;
        }
        catch
        {
            await prepared.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (PreparedService service in _services) await service.DisposeAsync();
    }
}
