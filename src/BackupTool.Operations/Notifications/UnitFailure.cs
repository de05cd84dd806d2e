using System.Globalization;
using System.Text;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Notifications;

/// <summary>Makes the event of a unit that failed, for <c>OnFailure=</c>: of a run that was killed, or could not even begin to tell anybody itself.</summary>
public sealed class UnitFailure
{
    private const int JournalLines = 20;

    /// <summary>The event.</summary>
    public required NotifyEvent Event { get; init; }

    /// <summary>The invocation that failed; empty when systemd has forgotten it.</summary>
    public required string Invocation { get; init; }

    /// <summary>Asks systemd how a unit ended, and for the last lines of its journal. A journal that cannot be read is left out, and the event says so.</summary>
    /// <param name="unit">Its name; <c>.service</c> may be left out.</param>
    /// <param name="services">systemd.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ServiceManagerException">It is no name of a unit, or systemd cannot be asked.</exception>
    public static async Task<UnitFailure> FindAsync(string unit, IServiceManager services, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(services);
        UnitState state = (await services.DescribeAsync([unit], cancellationToken))[0];
        var lines = new List<string>();
        if (!state.IsLoaded) lines.Add($"systemd does not know {state.Name} ({state.LoadState})");
        try
        {
            IReadOnlyList<JournalLine> journal = await services.ReadJournalAsync(unit, new JournalQuery(JournalLines), cancellationToken);
            lines.AddRange(journal.Count == 0 ? ["its journal is empty"] : journal.Select(line => string.Create(CultureInfo.InvariantCulture, $"{TimeZoneInfo.ConvertTime(line.Time, time.LocalTimeZone):HH:mm:ss} {line.Text}")));
        }
        catch (ServiceManagerException e)
        {
            lines.Add(e.Message);
        }
        lines.Add($"`systemctl status {state.Name}` and `journalctl -u {state.Name}` show more; `backup status` shows what is backed up.");
        string result = state.Result is "" or "success" ? "" : $": {state.Result}";
        return new UnitFailure
        {
            Invocation = state.InvocationId,
            Event = new NotifyEvent { Kind = NotifyKind.Failure, Host = Environment.MachineName, Schedule = ScheduleOf(state.Name), Time = time.GetLocalNow(), Title = $"{state.Name} failed{result}", Lines = lines },
        };
    }

    /// <summary>The schedule whose run a unit <c>backup@NAME.service</c> is; null for any other unit.</summary>
    internal static string? ScheduleOf(string unit)
    {
        const string prefix = "backup@", suffix = ".service";
        if (!unit.StartsWith(prefix, StringComparison.Ordinal) || !unit.EndsWith(suffix, StringComparison.Ordinal) || unit.Length <= prefix.Length + suffix.Length) return null;
        string instance = unit[prefix.Length..^suffix.Length];
        var name = new StringBuilder();
        for (int i = 0; i < instance.Length; i++)
        {
            // systemd.unit(5): what may not stand in a name is \xNN.
            bool isEscape = instance[i] == '\\' && i + 3 < instance.Length && instance[i + 1] == 'x' && char.IsAsciiHexDigit(instance[i + 2]) && char.IsAsciiHexDigit(instance[i + 3]);
            name.Append(isEscape ? (char)Convert.ToByte(instance.Substring(i + 2, 2), 16) : instance[i]);
            if (isEscape) i += 3;
        }
        return name.ToString();
    }
}
