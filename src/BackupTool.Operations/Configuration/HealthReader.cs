using System.Globalization;
using BackupTool.Services.Health;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>Reads <c>health</c> of a service: <c>false</c>, or a table with exactly one of <c>url</c>, <c>tcp</c> and <c>command</c>.</summary>
internal sealed class HealthReader(ProblemList problems)
{
    private const string Shape = "{ url = \"http://127.0.0.1:PORT/…\", expect = [200] }, { tcp = \"127.0.0.1:PORT\" }, { command = [\"/path/to/program\"] } or false";

    internal HealthSettings Read(TableReader service, string name)
    {
        var settings = new HealthSettings();
        if (service.Entry("health") is not { } entry) return settings;
        if (TableReader.TruthOf(entry.Value) is { } asks)
        {
            if (asks) problems.Add(entry.Value.Place, $"`health` in {name} cannot be true", "Remove the line to have the service asked as its own configuration says, or write false to have only its unit's state asked.");
            return settings with { IsUnitOnly = !asks };
        }
        if (service.Table("health", Shape) is not { } reader) return settings;

        TextPlace place = entry.Value.Place;
        TomlEntry?[] given = [reader.Entry("url"), reader.Entry("tcp"), reader.Entry("command")];
        if (given.Count(static each => each is not null) != 1)
            problems.Add(place, $"`health` in {name} must say exactly one of `url`, `tcp` and `command`", $"Write health = {Shape}.");
        HealthProbe? url = ReadUrl(reader, name), tcp = ReadTcp(reader, name), command = ReadCommand(reader, name);
        TimeSpan? timeout = reader.Timeout("timeout");
        reader.RefuseOtherKeys();
        return settings with { Probe = url ?? tcp ?? command, Timeout = timeout ?? settings.Timeout };
    }

    private HttpProbe? ReadUrl(TableReader reader, string name)
    {
        IReadOnlyList<int>? codes = reader.Integers("expect", 100, 599);
        string? text = reader.Text("url");
        if (text is null)
        {
            if (reader.Entry("url") is null && reader.Entry("expect") is { } expect) problems.Add(expect.KeyPlace, $"`expect` of `health` in {name} is for a `url` only", "Remove it.");
            return null;
        }
        TextPlace place = reader.Entry("url")!.Value.Place;
        // The text itself is not shown: it can hold a password.
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || url.Scheme is not ("http" or "https") || url.Host.Length == 0)
        {
            problems.Add(place, $"`url` of `health` in {name} is no whole http or https URL", "Write it like \"http://127.0.0.1:8008/_matrix/client/versions\".");
            return null;
        }
        WarnOfLocalhost(url.Host, place, name);
        return new HttpProbe(url, codes ?? [200]);
    }

    private TcpProbe? ReadTcp(TableReader reader, string name)
    {
        if (reader.Text("tcp") is not { } text) return null;
        TextPlace place = reader.Entry("tcp")!.Value.Place;
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon];
        if (host is ['[', .., ']']) host = host[1..^1];
        else if (host.Contains(':', StringComparison.Ordinal)) host = "";   // an IPv6 address without its brackets
        if (Uri.CheckHostName(host) == UriHostNameType.Unknown || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
        {
            problems.Add(place, $"`tcp` of `health` in {name} is `{text}`, which is no address with a port", "Write it like \"127.0.0.1:8008\" or \"[::1]:8008\".");
            return null;
        }
        WarnOfLocalhost(host, place, name);
        return new TcpProbe(host, port);
    }

    private CommandProbe? ReadCommand(TableReader reader, string name)
    {
        IReadOnlyList<(string Text, TextPlace Place)> words = reader.Texts("command");
        if (reader.Entry("command") is not { Value: TomlArray array }) return null;
        if (array.Items.Count == 0)
            problems.Add(array.Place, $"`command` of `health` in {name} is empty", "Write the program and its arguments, like [\"/usr/bin/pg_isready\", \"-q\"].");
        else if (words.Count == array.Items.Count && words[0].Text is not ['/', ..])
            problems.Add(words[0].Place, $"`command` of `health` in {name} names its program `{words[0].Text}` without the path", "Write the whole path, from `/` on: a timer's search path is not yours.");
        return words.Count > 0 && words.Count == array.Items.Count ? new CommandProbe([.. words.Select(static word => word.Text)]) : null;
    }

    private void WarnOfLocalhost(string host, TextPlace place, string name)
    {
        if (host.TrimEnd('.').Equals("localhost", StringComparison.OrdinalIgnoreCase))
            problems.Warn(place, $"`health` in {name} asks `localhost`, which may mean ::1 where the service listens on 127.0.0.1 only", "Write 127.0.0.1 or [::1], whichever the service listens on.");
    }
}
