using System.Collections.Frozen;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Notifications;

/// <summary>Reads <c>[notify]</c> and its channels <c>[notify.NAME]</c>. Secrets are not read here: who cannot be told must not keep a backup from being made.</summary>
/// <param name="problems">Told what is wrong; never an address or a token.</param>
/// <param name="credentialsDirectory">$CREDENTIALS_DIRECTORY as systemd sets it; null when it is not set.</param>
internal sealed class NotifyReader(ProblemList problems, string? credentialsDirectory)
{
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMinutes(10);
    private static readonly string[] ChannelKinds = ["ping", "ntfy", "webhook", "matrix", "command"];
    private static readonly NotifyKind[] OfPings = [NotifyKind.Start, NotifyKind.Success, NotifyKind.Warning, NotifyKind.Failure, NotifyKind.Recovery];
    private static readonly NotifyKind[] OfOthers = [NotifyKind.Failure, NotifyKind.Warning, NotifyKind.Recovery, NotifyKind.Stale];

    internal static readonly FrozenDictionary<string, NotifyKind> EventKinds = Enum.GetValues<NotifyKind>().ToFrozenDictionary(WordFor);

    /// <summary>The word for a kind of event, in the configuration, in documents and in the environment of a command.</summary>
    internal static string WordFor(NotifyKind kind) => kind.ToString().ToLowerInvariant();

    internal NotifySettings Read(TomlTable root, BytePath stateDirectory)
    {
        var settings = new NotifySettings { StateDirectory = stateDirectory };
        if (root.FindTable("notify") is not { } table) return settings;
        TimeSpan? timeout = new TableReader(table, "[notify]", problems).Timeout("timeout");
        if (timeout > LongestTimeout) problems.Add(table.Find("timeout")!.Value.Place, "`timeout` in [notify] is more than 10 minutes", "A run waits as long for its end to be told: write less.");
        foreach (TomlEntry entry in table.Entries.Where(static entry => entry.Key != "timeout" && entry.Value is not TomlTable))
            problems.Add(entry.KeyPlace, $"unknown key `{entry.Key}` in [notify]", "The known key is `timeout`; a channel is a table with a name, [notify.NAME], like [notify.phone].");
        IEnumerable<ChannelSettings?> channels = table.Entries.Where(static entry => entry.Key != "timeout" && entry.Value is TomlTable).Select(ReadChannel);
        return settings with { Timeout = timeout <= LongestTimeout ? timeout.Value : settings.Timeout, Channels = [.. channels.OfType<ChannelSettings>()] };
    }

    private ChannelSettings? ReadChannel(TomlEntry entry)
    {
        string name = $"[notify.{entry.Key}]";
        if (entry.Key is not [not '-', ..] || !entry.Key.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-'))
            problems.Add(entry.KeyPlace, $"`{entry.Key}` cannot be the name of a channel", "Use lower-case letters, digits and hyphens, the first not a hyphen.");
        var table = new TableReader((TomlTable)entry.Value, name, problems);
        string? kind = table.Text("kind");
        if (table.Entry("kind") is null) problems.Add(entry.KeyPlace, $"{name} has no `kind`", $"Set kind to one of: {string.Join(", ", ChannelKinds)}.");
        else if (kind is not null && !ChannelKinds.Contains(kind)) problems.Add(table.Entry("kind")!.Value.Place, $"{name} is of the unknown kind `{kind}`", NearestName.Hint(kind, ChannelKinds, "kinds"));
        if (kind is null || !ChannelKinds.Contains(kind)) return null;

        NotifyKind[] on = ReadOn(table, name)?.ToArray() ?? (kind == "ping" ? OfPings : OfOthers);
        IReadOnlyList<string>? schedules = table.Entry("schedules") is null ? null : [.. table.Texts("schedules").Select(static item => item.Text).Distinct()];
        if (table.Entry("schedules") is { Value: TomlArray { Items.Count: 0 } none }) problems.Add(none.Place, $"`schedules` in {name} is empty", "Name a schedule, or remove the line to be told of all.");
        ChannelSettings? channel = new ChannelReader(problems, credentialsDirectory, table, entry, name).Read(kind, on, schedules);
        table.RefuseOtherKeys();
        return channel;
    }

    private List<NotifyKind>? ReadOn(TableReader table, string name)
    {
        if (table.Entry("on") is not { } entry) return null;
        var kinds = new List<NotifyKind>();
        foreach ((string word, TextPlace place) in table.Texts("on"))
        {
            if (!EventKinds.TryGetValue(word, out NotifyKind kind)) problems.Add(place, $"`on` in {name} cannot hold `{word}`", NearestName.Hint(word, EventKinds.Keys, "events"));
            else if (!kinds.Contains(kind)) kinds.Add(kind);
        }
        if (entry.Value is TomlArray { Items.Count: 0 }) problems.Add(entry.Value.Place, $"`on` in {name} is empty: it would never be told anything", "Name the events, like on = [\"failure\", \"stale\"], or remove the line to have the default.");
        return kinds;
    }
}
