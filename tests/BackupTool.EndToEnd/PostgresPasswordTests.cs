using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>A database's password is in the service's own configuration, and nowhere that anybody else looks.</summary>
public sealed class PostgresPasswordTests(ITestOutputHelper output)
{
    // No part of it must be altered where it is written: what is escaped would not be found.
    private const string Password = "never-to-be-seen-4711";

    [Fact]
    public async Task A_password_is_in_no_command_line_no_environment_no_output_and_no_report()
    {
        using var bridge = new BridgeBox(bigRows: 15_000);
        bridge.Postgres.Sql("postgres", $"ALTER ROLE {BridgeBox.Database} PASSWORD '{Password}' CREATEDB");
        string secret = bridge.Box.Below("password");
        File.WriteAllText(secret, Password);
        File.SetUnixFileMode(secret, UnixFileMode.UserRead);
        bridge.Configure(MautrixData.TcpUri(BridgeBox.Database, Password, bridge.Postgres, BridgeBox.Database),
            $"postgres = {{ host = \"127.0.0.1\", port = {bridge.Postgres.Port}, role = \"{BridgeBox.Database}\", password-file = \"{secret}\" }}");
        await bridge.Box.InitAsync();

        await WatchAsync(bridge, 0, "pg_dump", "now", "-vv");
        await WatchAsync(bridge, 0, "pg_restore", "verify", "--level", "content", "-vv");
        await WatchAsync(bridge, 0, null, "config", "show");
        await WatchAsync(bridge, 0, null, "show", "latest", "--json");
        foreach (string file in Directory.EnumerateFiles(bridge.Box.Repository, "*.json", SearchOption.AllDirectories)) File.ReadAllText(file).Should().NotContain(Password);

        bridge.Postgres.Sql("postgres", $"ALTER ROLE {BridgeBox.Database} PASSWORD 'another'");
        await WatchAsync(bridge, 1, null, "now", "-vv", "--service", "bridge");
        await WatchAsync(bridge, 3, null, "verify", "--level", "content", "-vv");
        bridge.Postgres.Stop();
        await WatchAsync(bridge, 1, null, "now", "-vv", "--service", "bridge");
    }

    /// <summary>Looks at the tool, its children and theirs all the time that it runs, and at what it said.</summary>
    private async Task WatchAsync(BridgeBox bridge, int exitCode, string? program, params string[] arguments)
    {
        int looks = 0, seen = 0;
        string? found = null;
        CliResult result = await Cli.RunProgramAsync(BackupBinary.Path, [.. arguments, "--config", bridge.Box.ConfigFile], tool =>
        {
            while (!tool.HasExited)
            {
                foreach (int process in RunningDump.DescendantsOf(tool.Id).Prepend(tool.Id))
                {
                    string command = RunningDump.CommandLine(process);
                    if (program is not null && command.Contains($"/{program} ", StringComparison.Ordinal)) seen++;
                    if ((command + RunningDump.EnvironmentOf(process)).Contains(Password, StringComparison.Ordinal)) found ??= command;
                }
                looks++;
            }
        });
        output.WriteLine($"{string.Join(' ', arguments)}: {looks} looks, {program} seen in {seen} of them; exit {result.ExitCode}");
        found.Should().BeNull();
        result.ExitCode.Should().Be(exitCode, "{0}{1}", result.Output, result.Error);
        (result.Output + result.Error).Should().NotContain(Password);
        if (program is not null) seen.Should().BePositive("else nothing was looked at");
    }
}
