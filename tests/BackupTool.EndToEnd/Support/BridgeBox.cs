using System.Text.Json;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>A sandbox with a mautrix bridge whose database is in a PostgreSQL of its own, and a service of plain files beside it. No systemd: the bridge's unit is not named.</summary>
internal sealed class BridgeBox : IDisposable
{
    internal const string Database = "bridge", Password = "s3cret:with\\odd 'signs@%";

    internal BridgeBox(int bigRows = 0)
    {
        Postgres = RealPostgres.Start();
        MautrixData.Fill(Postgres, Database, Password, bigRows);
        Directory = Box.Make("var/lib/mautrix-slack");
        File.WriteAllText(Path.Combine(Box.Source, "file"), "a file");
        Configure(MautrixData.SocketUri(Database, null, Postgres, Database));
    }

    internal Sandbox Box { get; } = new();

    internal RealPostgres Postgres { get; }

    /// <summary>The bridge's.</summary>
    internal string Directory { get; }

    /// <summary>Where restores have the dump.</summary>
    internal static string DumpIn(string target) => Path.Combine(target, "postgresql-dumps/bridge.dump");

    /// <summary>Writes the bridge's configuration, and ours: of the bridge and, unless it is to be alone, of the files.</summary>
    internal void Configure(string uri, string more = "", bool isAlone = false)
    {
        MautrixData.Write(Directory, uri);
        string bridge = $"[service.bridge]\nkind = \"mautrix\"\ndata = \"{Directory}\"\n{more}";
        Box.Configure(isAlone ? [bridge] : [bridge, Sandbox.FilesService("files", Box.Source)]);
    }

    /// <summary>Where <c>verify</c> finds the server, and dumps are made as who is asked for.</summary>
    internal string Server(string more = "") => $"postgres = {{ host = \"{Postgres.SocketDirectory}\", port = {Postgres.Port}{more} }}";

    /// <summary>The services of the snapshots, oldest first.</summary>
    internal async Task<string[][]> ListServicesAsync() =>
        [.. (await Box.RunAsync("list", "--json")).ShouldExit(0).Json.GetProperty("snapshots").EnumerateArray().Select(static snapshot =>
            snapshot.GetProperty("services").EnumerateArray().Select(static s => s.ValueKind == JsonValueKind.String ? s.GetString()! : s.GetProperty("name").GetString()!).ToArray())];

    /// <summary>A directory to stand first in PATH, with a pg_dump that is the real one except for the dump of the pinned moment, for which it runs a script.</summary>
    internal string WritePgDump(string script)
    {
        string bin = Box.Make($"bin-{Guid.NewGuid():N}"), program = Path.Combine(bin, "pg_dump");
        File.WriteAllText(program, $"#!/bin/sh\ndump() {{ {Path.Combine(RealPostgres.Programs, "pg_dump")} \"$@\"; }}\ncase \"$*\" in *--snapshot*) {script};; *) dump \"$@\";; esac\n");
        foreach (string path in (string[])[Box.Root, bin, program]) File.SetUnixFileMode(path, (UnixFileMode)0x1ed);
        return bin;
    }

    /// <summary>Runs the tool with a directory first in PATH.</summary>
    internal Task<CliResult> RunWithPathAsync(string bin, params string[] arguments) =>
        Cli.RunProgramAsync("/usr/bin/env", [$"PATH={bin}:/usr/local/bin:/usr/bin:/bin", BackupBinary.Path, .. arguments, "--config", Box.ConfigFile]);

    public void Dispose()
    {
        Postgres.Dispose();
        Box.Dispose();
    }
}
