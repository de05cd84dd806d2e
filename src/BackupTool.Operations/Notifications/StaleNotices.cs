namespace BackupTool.Operations.Notifications;

/// <summary>A service that has no good snapshot of the age that is expected.</summary>
/// <param name="Service">Its name.</param>
/// <param name="Reason">A sentence without its full stop: how old the last good one is, and what is expected.</param>
public sealed record StaleService(string Service, string Reason);

/// <summary>What is to be told of staleness, and what has been told then.</summary>
/// <param name="Due">The events to tell, in this order; empty when everybody knows.</param>
/// <param name="Told">By service: when it was last told that it is stale. To be kept once <see cref="Due"/> is told.</param>
public sealed record StaleDecision(IReadOnlyList<NotifyEvent> Due, IReadOnlyDictionary<string, DateTimeOffset> Told);

/// <summary>Decides when staleness is told: on the day it begins and once on every day that it lasts, for each service; and when it is over.</summary>
public static class StaleNotices
{
    /// <summary>What is due.</summary>
    /// <param name="host">The machine.</param>
    /// <param name="stale">The services that are stale now.</param>
    /// <param name="told">What was told until now.</param>
    /// <param name="now">The time.</param>
    /// <param name="zone">Where days begin and end.</param>
    public static StaleDecision Decide(string host, IReadOnlyList<StaleService> stale, IReadOnlyDictionary<string, DateTimeOffset> told, DateTimeOffset now, TimeZoneInfo zone)
    {
        ArgumentNullException.ThrowIfNull(stale);
        ArgumentNullException.ThrowIfNull(told);
        DateTimeOffset local = TimeZoneInfo.ConvertTime(now, zone);
        // A clock that was set back must not silence anybody: another day is another day.
        StaleService[] due = [.. stale.Where(service => !told.TryGetValue(service.Service, out DateTimeOffset last) || TimeZoneInfo.ConvertTime(last, zone).Date != local.Date)];
        string[] over = [.. told.Keys.Except(stale.Select(static service => service.Service)).Order(StringComparer.Ordinal)];

        var events = new List<NotifyEvent>();
        if (due.Length > 0)
            events.Add(new NotifyEvent
            {
                Kind = NotifyKind.Stale,
                Host = host,
                Time = local,
                Title = $"no recent backup of {string.Join(", ", due.Select(static service => service.Service))}",
                Lines = [.. due.Select(static service => $"{service.Service}: {service.Reason}"), "`backup status` shows all services; `backup schedules` shows when the next run is."],
            });
        if (over.Length > 0)
            events.Add(new NotifyEvent { Kind = NotifyKind.Recovery, Host = host, Time = local, Title = $"{string.Join(", ", over)} {(over.Length == 1 ? "has" : "have")} a recent backup again" });

        var then = stale.ToDictionary(static service => service.Service, service => due.Contains(service) ? now : told[service.Service]);
        return new StaleDecision(events, then);
    }
}
