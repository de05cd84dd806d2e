using System.Text.Json;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Notifications;

/// <summary>What was told of staleness, as STATE/notified.json keeps it.</summary>
internal sealed record ToldStaleness
{
    public const int CurrentVersion = 1;

    public required int FormatVersion { get; init; }

    public required IReadOnlyDictionary<string, DateTimeOffset> Stale { get; init; }
}

/// <summary>Tells of staleness, at most once a day of each service, and when it is over. What was told is kept in STATE/notified.json, which may be deleted: then it is told once more.</summary>
/// <param name="notifier">Tells.</param>
/// <param name="settings">Who is told.</param>
/// <param name="time">The clock.</param>
public sealed class StaleWatch(Notifier notifier, NotifySettings settings, TimeProvider time)
{
    private static readonly BytePath FileName = BytePath.From("notified.json"), LockName = BytePath.From("notified.lock");

    /// <summary>Tells what is due. Nothing happens while another process does it.</summary>
    /// <param name="host">The machine.</param>
    /// <param name="stale">The services that are stale now; with none, it is told of those that were that they are no longer.</param>
    /// <param name="zone">Where days begin and end.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>What went wrong with telling. Never throws but for cancellation.</returns>
    public async Task<IReadOnlyList<string>> TellAsync(string host, IReadOnlyList<StaleService> stale, TimeZoneInfo zone, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(stale);
        if (settings.Channels.Count == 0) return [];
        try
        {
            using PosixDirectory folder = StateFile.Open(settings.StateDirectory);
            using SafeFileHandle held = StateDirectory.OpenLock(folder, LockName);
            if (!PosixFile.TryLock(held)) return [];
            IReadOnlyDictionary<string, DateTimeOffset> told = Read(folder);
            StaleDecision decision = StaleNotices.Decide(host, stale, told, time.GetUtcNow(), zone);
            if (decision.Due.Count == 0) return [];
            var problems = new List<string>();
            foreach (NotifyEvent due in decision.Due) problems.AddRange(await notifier.SendAsync(due, cancellationToken));
            // Afterwards: one that is killed in between tells twice rather than never.
            StateFile.Write(folder, FileName, JsonSerializer.SerializeToUtf8Bytes(new ToldStaleness { FormatVersion = ToldStaleness.CurrentVersion, Stale = decision.Told }, NotifyJson.Default.ToldStaleness));
            return problems;
        }
        catch (PosixException e)
        {
            return [$"what was told of staleness cannot be kept: {e.Message}"];
        }
    }

    private static IReadOnlyDictionary<string, DateTimeOffset> Read(PosixDirectory folder)
    {
        try
        {
            ToldStaleness? told = JsonSerializer.Deserialize(PosixFile.ReadAllFollowing(folder.Full(FileName), StateFile.MaxBytes), NotifyJson.Default.ToldStaleness);
            if (told is { FormatVersion: ToldStaleness.CurrentVersion, Stale: not null }) return told.Stale;
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            // Nothing was told yet.
        }
        catch (JsonException)
        {
            // Damaged: it is told once more, and the file is written anew.
        }
        return new Dictionary<string, DateTimeOffset>();
    }
}
