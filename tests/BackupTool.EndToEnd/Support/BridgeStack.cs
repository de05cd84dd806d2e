using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>A bridge whose database is in a real PostgreSQL, on a machine with its own systemd. Its program is a psql that writes, all the time; a table <c>poison</c> makes it unwell.</summary>
internal sealed class BridgeStack : IAsyncDisposable
{
    internal const string Database = "bridge", Password = "s3cret";

    private BridgeStack()
    {
    }

    internal Sandbox Box { get; } = new();

    internal RealPostgres Postgres { get; } = RealPostgres.Start();

    internal RealSystemd Systemd { get; private set; } = null!;

    internal string State => Box.Below("state");

    internal string Server => $"postgres = {{ host = \"{Postgres.SocketDirectory}\", port = {Postgres.Port} }}";

    internal static async Task<BridgeStack> StartAsync()
    {
        var stack = new BridgeStack();
        try
        {
            MautrixData.Fill(stack.Postgres, Database, Password);
            stack.Postgres.Sql(Database, "CREATE ROLE reader; GRANT SELECT ON portal TO reader; SET ROLE bridge; CREATE TABLE beat(at timestamptz)");
            string directory = stack.Box.Make("var/lib/mautrix-slack");
            MautrixData.Write(directory, MautrixData.SocketUri(Database, Password, stack.Postgres, Database));
            stack.Systemd = await RealSystemd.StartAsync(stack.Box.Root, stack.Postgres.SocketDirectory, Path.GetDirectoryName(BackupBinary.Path)!);
            string psql = $"psql -X -q -v ON_ERROR_STOP=1 -h {stack.Postgres.SocketDirectory} -p {stack.Postgres.Port} -U bridge -d bridge";
            await stack.Systemd.WriteUnitsAsync(
                ("bridge.service", $"[Service]\nEnvironment=PGPASSWORD={Password}\nExecStart=/bin/sh -c 'while true; do echo \"INSERT INTO beat VALUES (now());\"; sleep 0.2; done | {psql}'"),
                ("postgres.service", StackUnits.Idle()));
            await stack.Systemd.ExecAsync("systemctl", "start", "bridge.service", "postgres.service");
            string check = stack.Box.Below("check");
            await File.WriteAllTextAsync(check, $"#!/bin/sh\nPGPASSWORD={Password} {psql} -c 'SELECT count(*) FROM portal' >/dev/null || exit 1\nPGPASSWORD={Password} {psql} -c 'SELECT 1 FROM poison' 2>/dev/null >/dev/null && exit 1\nexit 0\n");
            File.SetUnixFileMode(check, (UnixFileMode)0x1ed);
            stack.Configure($"[service.bridge]\nkind = \"mautrix\"\nunit = \"bridge.service\"\ndata = \"{directory}\"\n{stack.Server}\nhealth = {{ command = [\"{check}\"], timeout = \"4s\" }}",
                $"[service.database]\nkind = \"postgres\"\nunit = \"postgres.service\"\n{stack.Server}");
            (await stack.RunAsync("init")).ShouldExit(0);
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    private void Configure(params string[] services) => Box.Configure([$"[state]\npath = \"{State}\"", .. services]);

    internal Task<CliResult> RunAsync(params string[] arguments) =>
        Cli.RunProgramAsync(Systemd.CommandPrefix[0], [.. Systemd.CommandPrefix.Skip(1), BackupBinary.Path, .. arguments, "--config", Box.ConfigFile]);

    /// <summary>Runs it, and expects one of these codes.</summary>
    internal async Task<CliResult> RunAsync(string[] arguments, params int[] codes)
    {
        CliResult result = await RunAsync(arguments);
        TestContext.Current.TestOutputHelper?.WriteLine($"{string.Join(' ', arguments)}: {result.ExitCode}\n{result.Error}{result.Output}");
        result.ExitCode.Should().BeOneOf(codes, result.Error + result.Output);
        File.Exists(Path.Combine(State, "replacement.json")).Should().BeFalse("nothing is under way");
        return result;
    }

    /// <summary>What the bridge's rows are, and its databases.</summary>
    internal string Fingerprint() => MautrixData.Fingerprint(Postgres, Database);

    internal string[] Databases() => Postgres.Sql("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").Split('\n');

    public async ValueTask DisposeAsync()
    {
        if (Systemd is not null) await Systemd.DisposeAsync();
        Postgres.Dispose();
        Box.Dispose();
    }
}
