using BackupTool.Operations.Configuration;
using BackupTool.Operations.Notifications;

namespace BackupTool.Operations.Status;

/// <summary>Tells those in <c>[notify.NAME]</c> of services without a good snapshot of the age that is expected, once a day each, and when that is over.</summary>
public static class StaleTelling
{
    /// <summary>Looks, and tells what is due.</summary>
    /// <returns>What went wrong with telling. Never throws but for cancellation.</returns>
    public static async Task<IReadOnlyList<string>> RunAsync(BackupConfiguration configuration, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.Notify.Channels.Count == 0 ? [] : await RunAsync(configuration, await new StatusRun(configuration, time).RunAsync(cancellationToken), time, cancellationToken);
    }

    /// <summary>As the other, of a status that is known.</summary>
    public static Task<IReadOnlyList<string>> RunAsync(BackupConfiguration configuration, StatusReport status, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var watch = new StaleWatch(new Notifier(configuration.Notify, time), configuration.Notify, time);
        return watch.TellAsync(status.Host, StaleOf(status), time.LocalTimeZone, cancellationToken);
    }

    /// <summary>The services that are stale. Of a repository that cannot be read all are: nothing is known to be good.</summary>
    internal static IReadOnlyList<StaleService> StaleOf(StatusReport status) =>
        status.Failure is { } failure ? [.. status.Services.Select(service => new StaleService(service.Name, $"the repository cannot be read: {failure.Message.TrimEnd('.')}"))]
            : [.. status.Services.Select(static service => (service.Name, Reason: ReasonOf(service))).Where(static service => service.Reason is not null).Select(static service => new StaleService(service.Name, service.Reason!))];

    private static string? ReasonOf(ServiceStatus service) => service.State switch
    {
        BackupState.Stale => $"the last good snapshot is of {service.LastGood!.Time.LocalDateTime:yyyy-MM-dd HH:mm}, and one no older than {AmountText.Of(service.ExpectedAge!.Value)} is expected",
        BackupState.Never => "there is no good snapshot",
        _ => null,
    };
}
