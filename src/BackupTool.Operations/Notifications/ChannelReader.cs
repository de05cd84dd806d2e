using System.Collections.Frozen;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Notifications;

/// <summary>Reads what is special to each kind of <c>[notify.NAME]</c>.</summary>
internal sealed class ChannelReader(ProblemList problems, string? credentialsDirectory, TableReader table, TomlEntry entry, string name)
{
    internal static readonly FrozenDictionary<string, MatrixMessage> Messages = new Dictionary<string, MatrixMessage>
    {
        ["automatic"] = MatrixMessage.Automatic,
        ["text"] = MatrixMessage.Text,
        ["notice"] = MatrixMessage.Notice,
    }.ToFrozenDictionary();

    /// <summary>The channel; null when something of it is wrong.</summary>
    internal ChannelSettings? Read(string kind, IReadOnlyList<NotifyKind> on, IReadOnlyList<string>? schedules) => kind switch
    {
        "ping" => ReadAddress("https://hc-ping.com/KEY/{schedule}") is { } url ? new PingSettings { Name = entry.Key, On = on, Schedules = schedules, Place = entry.KeyPlace, Url = url } : null,
        "ntfy" => ReadNtfy(on, schedules),
        "webhook" => ReadWebhook(on, schedules),
        "matrix" => ReadMatrix(on, schedules),
        _ => ReadCommand() is { } command ? new CommandSettings { Name = entry.Key, On = on, Schedules = schedules, Place = entry.KeyPlace, Command = command } : null,
    };

    private NtfySettings? ReadNtfy(IReadOnlyList<NotifyKind> on, IReadOnlyList<string>? schedules)
    {
        NotifyAddress? url = ReadAddress("https://ntfy.sh");
        string? topic = table.Text("topic");
        if (topic is not null && !topic.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            problems.Add(table.Entry("topic")!.Value.Place, $"`topic` in {name} is no name of a topic", "It is of letters, digits, hyphens and underscores.");
        if (url?.Plain is { } plain && table.Entry("topic") is null && NotifyAddress.TryParse(plain)?.AbsolutePath is "/")
            problems.Add(entry.KeyPlace, $"{name} has no `topic`", "Set topic = \"NAME\"; one that nobody can guess, on a public server.");
        SecretSource? token = ReadSecret("token");
        IReadOnlyDictionary<NotifyKind, int> priorities = ReadPriorities();
        IReadOnlyList<(string Text, TextPlace Place)> tags = table.Texts("tags");
        foreach ((string tag, TextPlace place) in tags)
            if (!tag.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '+' or '.')) problems.Add(place, $"`{tag}` in `tags` of {name} is no tag", "A tag is of letters, digits, hyphens, underscores, plus signs and full stops.");
        return url is null ? null
            : new NtfySettings { Name = entry.Key, On = on, Schedules = schedules, Place = entry.KeyPlace, Url = url, Topic = topic, Token = token, Priorities = priorities, Tags = [.. tags.Select(static tag => tag.Text)] };
    }

    private Dictionary<NotifyKind, int> ReadPriorities()
    {
        var priorities = new Dictionary<NotifyKind, int>();
        if (table.Table("priority", "{ failure = 5, warning = 3 }") is not { } reader) return priorities;
        foreach ((string word, NotifyKind kind) in NotifyReader.EventKinds.OrderBy(static each => each.Value))
            if (reader.Integer(word, 1, 5) is { } priority) priorities[kind] = priority;
        reader.RefuseOtherKeys();
        return priorities;
    }

    private WebhookSettings? ReadWebhook(IReadOnlyList<NotifyKind> on, IReadOnlyList<string>? schedules)
    {
        NotifyAddress? url = ReadAddress("https://hooks.example.org/backup");
        SecretSource? token = ReadSecret("token"), key = ReadSecret("signing-key");
        string? header = table.Text("token-header");
        if (table.Entry("token-header") is { } given)
        {
            if (token is null) problems.Add(given.KeyPlace, $"`token-header` in {name} has no token to send", "Set `token-file` or `token-credential` too.");
            if (header is not null && (!header.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') || header.StartsWith("Content-", StringComparison.OrdinalIgnoreCase)))
                problems.Add(given.Value.Place, $"`token-header` in {name} is no header that can be set", "Write its name alone, like \"X-Api-Key\".");
        }
        return url is null ? null
            : new WebhookSettings { Name = entry.Key, On = on, Schedules = schedules, Place = entry.KeyPlace, Url = url, Token = token, TokenHeader = header, SigningKey = key };
    }

    private MatrixSettings? ReadMatrix(IReadOnlyList<NotifyKind> on, IReadOnlyList<string>? schedules)
    {
        string? homeserver = ReadPlainUrl("homeserver", "http://127.0.0.1:8008"), room = table.Text("room");
        if (table.Entry("homeserver") is null) problems.Add(entry.KeyPlace, $"{name} has no `homeserver`", "Set homeserver = \"http://127.0.0.1:8008\", or where the homeserver answers clients.");
        if (table.Entry("room") is null) problems.Add(entry.KeyPlace, $"{name} has no `room`", "Set room = \"!ID:SERVER\" or \"#ALIAS:SERVER\".");
        // Ids of newer rooms have no server's name.
        if (room is not null && !(room is ['!', _, ..] || (room is ['#', _, ..] && room.Contains(':', StringComparison.Ordinal))) || room?.Any(char.IsWhiteSpace) == true)
            problems.Add(table.Entry("room")!.Value.Place, $"`room` in {name} is `{room}`, which is neither a room's id nor an alias", "Write it like \"!ID:SERVER\" or \"#ALIAS:SERVER\".");
        SecretSource? token = ReadSecret("token");
        if (token is null && table.Entry("token-file") is null && table.Entry("token-credential") is null && table.Entry("token") is null)
            problems.Add(entry.KeyPlace, $"{name} has no token", "Set token-file = \"/path\" or token-credential = \"NAME\": the access token of an account that is in the room.");
        MatrixMessage message = table.Choice("message", Messages) ?? MatrixMessage.Automatic;
        return homeserver is null || room is null || token is null ? null
            : new MatrixSettings { Name = entry.Key, On = on, Schedules = schedules, Place = entry.KeyPlace, Homeserver = new Uri(homeserver), Room = room, Token = token, Message = message };
    }

    private string[]? ReadCommand()
    {
        IReadOnlyList<(string Text, TextPlace Place)> words = table.Texts("command");
        if (table.Entry("command") is not { } command) problems.Add(entry.KeyPlace, $"{name} has no `command`", "Set command = [\"/path/to/program\", \"ARGUMENT\"].");
        else if (command.Value is not TomlArray array) return null;
        else if (array.Items.Count == 0) problems.Add(array.Place, $"`command` in {name} is empty", "Write the program and its arguments, like [\"/usr/local/bin/tell\"].");
        else if (words.Count != array.Items.Count) return null;
        else if (words[0].Text is not ['/', ..]) problems.Add(words[0].Place, $"`command` in {name} names its program `{words[0].Text}` without the path", "Write the whole path, from `/` on: a timer's search path is not yours.");
        else return [.. words.Select(static word => word.Text)];
        return null;
    }

    /// <summary>Exactly one of <c>url</c>, <c>url-file</c> and <c>url-credential</c>.</summary>
    private NotifyAddress? ReadAddress(string example)
    {
        string? plain = ReadPlainUrl("url", example);
        SecretSource? secret = ReadSecret("url");
        TomlEntry?[] given = [table.Entry("url"), table.Entry("url-file"), table.Entry("url-credential")];
        switch (given.Count(static each => each is not null))
        {
            case 0:
                problems.Add(entry.KeyPlace, $"{name} has no `url`", $"Set url = \"{example}\", or url-file = \"/path\" or url-credential = \"NAME\" for an address that is a secret.");
                return null;
            case 1: return plain is not null ? new NotifyAddress { Plain = plain } : secret is not null ? new NotifyAddress { Secret = secret } : null;
            default:
                if (given[0] is not null) problems.Add(given[0]!.KeyPlace, $"{name} has `url` and says besides where one is kept", "Keep one of them.");
                return null;
        }
    }

    // The text itself is not shown: it can hold a password.
    private string? ReadPlainUrl(string key, string example)
    {
        if (table.Text(key) is not { } text) return null;
        TextPlace place = table.Entry(key)!.Value.Place;
        if (NotifyAddress.TryParse(text) is not { } url)
        {
            problems.Add(place, $"`{key}` in {name} is no whole http or https URL", $"Write it like \"{example}\".");
            return null;
        }
        if (url.UserInfo.Length > 0)
        {
            problems.Add(place, $"`{key}` in {name} holds a password", key == "url" ? "Write the address into a file of mode 600 and name it with `url-file`, or use `url-credential`." : "Remove it: the token has a file of its own.");
            return null;
        }
        if (NotifyAddress.IsOpenOnTheWay(url)) problems.Warn(place, $"`{key}` in {name} is http: everybody on the way to {url.Host} can read what is sent, tokens too", "Write https.");
        return text;
    }

    private SecretSource? ReadSecret(string stem)
    {
        if (stem != "url" && table.Entry(stem) is { } clear)
            problems.Add(clear.KeyPlace, $"`{stem}` in {name}: a secret does not stand in the configuration, which others may read", $"Write it into a file of mode 600 and name that: {stem}-file = \"/path\"; or use {stem}-credential = \"NAME\".");
        BytePath? file = table.Path($"{stem}-file");
        string? credential = table.Text($"{stem}-credential");
        TomlEntry? ofFile = table.Entry($"{stem}-file"), ofCredential = table.Entry($"{stem}-credential");
        if (ofFile is not null && ofCredential is not null)
        {
            problems.Add(ofCredential.KeyPlace, $"{name} has both `{stem}-file` and `{stem}-credential`", "Keep one of them.");
            return null;
        }
        if (file is { } path) return new SecretSource { Stem = stem, File = path, Path = path, Place = ofFile!.Value.Place };
        if (credential is null) return null;
        if (credential is "." or ".." || !credential.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'))
        {
            problems.Add(ofCredential!.Value.Place, $"`{stem}-credential` in {name} is `{credential}`, which is no name of a credential", "Write the name before the colon in LoadCredential=.");
            return null;
        }
        BytePath? provided = credentialsDirectory is ['/', ..] ? BytePath.From(credentialsDirectory).Combine(credential) : null;
        return new SecretSource { Stem = stem, Credential = credential, Path = provided, Place = ofCredential!.Value.Place };
    }
}
