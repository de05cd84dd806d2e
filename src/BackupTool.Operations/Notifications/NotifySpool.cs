using System.Globalization;
using System.Text.Json;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Notifications;

/// <summary>An event that nobody could be told, as it waits in the state directory.</summary>
internal sealed record KeptNotice
{
    public const int CurrentVersion = 1;

    public required int FormatVersion { get; init; }

    public required NotifyEvent Event { get; init; }
}

/// <summary>
/// What could not be told, in STATE/notifications: one file an event, the newest <see cref="Most"/>, at most <see cref="LongestAge"/> old. It may be deleted. Beside it are marks
/// of the runs that have told of their failure themselves.
/// </summary>
internal sealed class NotifySpool(BytePath stateDirectory, TimeProvider time)
{
    internal const int Most = 100;
    internal static readonly TimeSpan LongestAge = TimeSpan.FromDays(7);

    private const string Suffix = ".json", MarkPrefix = "told-";
    private static readonly BytePath LockName = BytePath.From("lock");

    internal BytePath Directory { get; } = stateDirectory.Combine("notifications");

    /// <summary>Keeps an event; when there are too many, the oldest goes.</summary>
    /// <exception cref="PosixException">It cannot be written.</exception>
    internal void Keep(NotifyMessage message)
    {
        using PosixDirectory folder = StateFile.Open(Directory);
        string[] names = Names(folder);
        foreach (string old in names.Take(names.Length - Most + 1)) folder.RemoveFile(BytePath.From(old));
        string name = string.Create(CultureInfo.InvariantCulture, $"{message.Event.Time.UtcDateTime:yyyyMMdd'T'HHmmss'.'fffffff}-{message.Id}{Suffix}");
        var kept = new KeptNotice { FormatVersion = KeptNotice.CurrentVersion, Event = message.Event };
        StateFile.Write(folder, BytePath.From(name), JsonSerializer.SerializeToUtf8Bytes(kept, NotifyJson.Default.KeptNotice));
    }

    /// <summary>Hands each kept event to <paramref name="tell"/>, the oldest first, until one is not told (it returns false). Nothing happens while another process does it.</summary>
    /// <returns>What was lost: too old, or illegible.</returns>
    /// <exception cref="PosixException">The directory cannot be read or written.</exception>
    internal async Task<IReadOnlyList<string>> TellAsync(Func<NotifyMessage, Task<bool>> tell)
    {
        if (!PosixFile.TryGetStatusFollowing(Directory, out _)) return [];
        using PosixDirectory folder = PosixDirectory.Open(Directory);
        string[] names = Names(folder);
        if (names.Length == 0) return [];
        using SafeFileHandle held = StateDirectory.OpenLock(folder, LockName);
        if (!PosixFile.TryLock(held)) return [];

        var lost = new List<string>();
        foreach (string name in names)
        {
            if (Read(folder, name) is not { } kept) lost.Add($"a notification that was kept in {Directory.Combine(BytePath.From(name))} is not legible, and was removed");
            else if (time.GetUtcNow() - kept.Time > LongestAge) lost.Add(string.Create(CultureInfo.InvariantCulture, $"nobody could be told for {LongestAge.TotalDays:0} days, and it was given up: {kept.Title} ({kept.Time:yyyy-MM-dd HH:mm})"));
            else if (!await tell(new NotifyMessage(kept, isLate: true))) break;
            folder.RemoveFile(BytePath.From(name));
        }
        folder.Flush();
        return lost;
    }

    /// <summary>How many events wait.</summary>
    internal int Count()
    {
        if (!PosixFile.TryGetStatusFollowing(Directory, out _)) return 0;
        using PosixDirectory folder = PosixDirectory.Open(Directory);
        return Names(folder).Length;
    }

    /// <summary>Remembers, for a week, that a unit's invocation has told of its failure itself.</summary>
    /// <exception cref="PosixException">It cannot be written.</exception>
    internal void MarkTold(string invocation)
    {
        using PosixDirectory folder = StateFile.Open(Directory);
        DateTimeOffset oldest = time.GetUtcNow() - LongestAge;
        foreach (BytePath name in folder.ReadNames().Where(static name => $"{name}".StartsWith(MarkPrefix, StringComparison.Ordinal)))
            if (folder.TryGetStatus(name, out FileStatus status) && status.ModifiedAt.Seconds < oldest.ToUnixTimeSeconds()) folder.RemoveFile(name);
        StateFile.Write(folder, BytePath.From(MarkPrefix + invocation), []);
    }

    /// <summary>Whether a unit's invocation has told of its failure itself.</summary>
    internal bool HasTold(string invocation) => PosixFile.TryGetStatusFollowing(Directory.Combine(BytePath.From(MarkPrefix + invocation)), out _);

    private static string[] Names(PosixDirectory folder) =>
        [.. folder.ReadNames().Select(static name => name.ToString()).Where(static name => name.EndsWith(Suffix, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static NotifyEvent? Read(PosixDirectory folder, string name)
    {
        try
        {
            KeptNotice? kept = JsonSerializer.Deserialize(PosixFile.ReadAllFollowing(folder.Full(BytePath.From(name)), StateFile.MaxBytes), NotifyJson.Default.KeptNotice);
            return kept is { FormatVersion: KeptNotice.CurrentVersion } ? kept.Event : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
