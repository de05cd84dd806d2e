using System.Globalization;
using System.Net;
using System.Text;
using BackupTool.Posix;
using BackupTool.Services.Profiles.Toml;

namespace BackupTool.Operations.Configuration;

/// <summary>Reads <c>[agent]</c>, and writes it.</summary>
internal static class AgentReader
{
    internal const string Table = "agent";
    private const string Shape = "Write it like \"127.0.0.1:9780\" or \"[::1]:9780\".";

    // struct sockaddr_un holds 108 bytes, one of them the NUL at the end; the agent makes the socket under a name that is a little longer first.
    internal const int MostSocketBytes = 95;

    internal static AgentSettings Read(TomlTable root, ProblemList problems)
    {
        var settings = new AgentSettings();
        if (root.FindTable(Table) is not { } table) return settings;
        var reader = new TableReader(table, "[agent]", problems);
        BytePath? socket = reader.Path("socket");
        if (socket is { } path && path.Length > MostSocketBytes)
            problems.Add(reader.Entry("socket")!.Value.Place, $"`socket` in [agent] has {path.Length} bytes, and a socket's path has {MostSocketBytes} at most", "Use a shorter path, like \"/run/backup/agent.sock\".");
        IPEndPoint? listen = ReadAddress(reader, problems);
        bool allowRemote = reader.Truth("allow-remote") ?? false;
        if (listen is not null && !IPAddress.IsLoopback(listen.Address)) CheckRemote(listen, allowRemote, reader, problems);
        reader.RefuseOtherKeys();
        return settings with { Socket = socket, Listen = listen, AllowRemote = allowRemote };
    }

    /// <summary>The lines below <c>[agent]</c>.</summary>
    internal static string Print(AgentSettings settings)
    {
        var text = new StringBuilder();
        text.AppendLine(settings.Socket is { } socket ? $"socket = {TomlWriter.Quote(Encoding.UTF8.GetString(socket.Bytes))}" : "# socket: agent.sock in $RUNTIME_DIRECTORY, else in /run/backup");
        text.AppendLine(settings.Listen is { } listen ? $"listen = {TomlWriter.Quote(listen.ToString())}" : "# listen: on no address");
        text.AppendLine($"allow-remote = {(settings.AllowRemote ? "true" : "false")}");
        return text.ToString();
    }

    private static IPEndPoint? ReadAddress(TableReader reader, ProblemList problems)
    {
        if (reader.Text("listen") is not { } text) return null;
        TextPlace place = reader.Entry("listen")!.Value.Place;
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? text : text[..colon];
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
            problems.Add(place, $"`listen` in [agent] is `{text}`: a name, which can mean more than one address", "Write 127.0.0.1 or [::1].");
        else if (colon < 0 || !IsNumeric(host) || !IPAddress.TryParse(host, out IPAddress? address))
            problems.Add(place, $"`listen` in [agent] is `{text}`, which is no address with a port", Shape);
        else if (!int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
            problems.Add(place, $"`listen` in [agent] is `{text}`, whose port is none from 1 to 65535", Shape);
        else return new IPEndPoint(address, port);
        return null;
    }

    /// <summary>IPv6 in brackets, or four numbers: what else the base library takes for an address (<c>127.1</c>) is a slip of the pen.</summary>
    private static bool IsNumeric(string host) => host is ['[', .., ']'] || host.Split('.') is { Length: 4 } parts && parts.All(static part => part.Length > 0 && part.All(char.IsAsciiDigit));

    private static void CheckRemote(IPEndPoint listen, bool allowRemote, TableReader reader, ProblemList problems)
    {
        TextPlace place = reader.Entry("listen")!.Value.Place;
        if (allowRemote) problems.Warn(place, $"`listen` in [agent] is {listen}: whoever reaches this address may read the names of services and schedules, and how they are", "Let a firewall say who may, or listen on 127.0.0.1 and put a proxy with a password before it.");
        else problems.Add(place, $"`listen` in [agent] is {listen}, which other machines can reach", "Write 127.0.0.1 or [::1] as its address; allow-remote = true allows it all the same.");
    }
}
