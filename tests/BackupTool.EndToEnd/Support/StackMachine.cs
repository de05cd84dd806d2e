using System.Text.Json;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// The binary under test on a machine with a systemd of its own. The configuration, the repository, the state directory and the services' data are on a disk that outlives the machine:
/// <see cref="LosePowerAsync"/> takes away everything else.
/// </summary>
internal sealed class StackMachine : IAsyncDisposable
{
    private readonly string[] _binds;
    private readonly string _binary;
    private RealSystemd _systemd;

    private StackMachine(RealSystemd systemd, string disk, string binary, string[] binds) => (_systemd, Disk, _binary, _binds) = (systemd, disk, binary, binds);

    /// <summary>The disk: seen inside under the same path.</summary>
    internal string Disk { get; }

    internal string ConfigFile => Path.Combine(Disk, "backup.toml");

    internal string State => Path.Combine(Disk, "state");

    internal string Repository => Path.Combine(Disk, "repository");

    internal string Binary => _binary;

    /// <summary>The journal of owed restarts.</summary>
    internal string RestartJournal => Path.Combine(State, "restarts.json");

    internal RealSystemd Systemd => _systemd;

    internal static async Task<StackMachine> StartAsync()
    {
        string disk = Directory.CreateTempSubdirectory("backup-stack-").FullName;
        string binary = BackupBinary.Path;
        string[] binds = [disk, Path.GetDirectoryName(binary)!];
        var machine = new StackMachine(await RealSystemd.StartAsync(binds), disk, binary, binds);
        await File.WriteAllTextAsync(Path.Combine(disk, "service.py"), StackUnits.Program);
        return machine;
    }

    /// <summary>Ends the machine, and boots another with the same disk. Its units are to be written anew.</summary>
    internal async Task LosePowerAsync()
    {
        await _systemd.DisposeAsync();
        _systemd = await RealSystemd.StartAsync(_binds);
    }

    /// <summary>Ends the machine, and boots it again with its units, those that are enabled starting by themselves.</summary>
    internal async Task RebootAsync()
    {
        string units = Below("units");
        if (Directory.Exists(units)) Directory.Delete(units, recursive: true);
        // What the test machine itself has masked it masks again.
        await _systemd.ShellAsync($"mkdir {units}; cd /etc/systemd/system; find . -mindepth 1 -maxdepth 1 ! -lname /dev/null -exec cp -a {{}} {units}/ ';'");
        await _systemd.DisposeAsync();
        _systemd = await RealSystemd.BootAsync(units, _binds);
    }

    internal string Below(string name) => Path.Combine(Disk, name);

    /// <summary>Writes the configuration: services as TOML, and an initialised repository with it.</summary>
    internal async Task ConfigureAsync(params string[] services)
    {
        await File.WriteAllTextAsync(ConfigFile, $"""
            [repository]
            path = "{Repository}"

            [state]
            path = "{State}"

            [staging]
            path = "{Below("staging")}"

            {string.Join("\n\n", services)}

            """);
        if (!Directory.Exists(Repository)) (await RunAsync("init")).ShouldExit(0);
    }

    /// <summary>A service of kind files with its own data directory, in which there is a file.</summary>
    internal string Service(string name, string more, string? unit = null)
    {
        string data = Directory.CreateDirectory(Below($"data/{name}")).FullName;
        File.WriteAllText(Path.Combine(data, "state"), $"the state of {name}");
        return $"[service.{name}]\nkind = \"files\"\nunit = \"{unit ?? $"{name}.service"}\"\ndata = \"{data}\"\n{more}";
    }

    internal Task<CliResult> RunAsync(params string[] arguments) => RunWithAsync([], arguments);

    /// <summary>Runs the tool inside, with variables of the environment: <c>NAME=VALUE</c>.</summary>
    internal Task<CliResult> RunWithAsync(string[] environment, params string[] arguments)
    {
        string[] prefix = [.. _systemd.CommandPrefix];
        return Cli.RunProgramAsync(prefix[0], [.. prefix[1..], "/usr/bin/env", .. environment, "/bin/sh", "-c", "echo $$ > /run/tool.pid; exec \"$@\"", "sh", _binary, .. arguments, "--config", ConfigFile]);
    }

    /// <summary>Sends a signal to the tool that was started last.</summary>
    internal Task SignalAsync(string signal) => _systemd.ShellAsync($"kill -{signal} $(cat /run/tool.pid)");

    /// <summary>Waits until a line of shell inside succeeds.</summary>
    internal async Task UntilAsync(string line, int seconds = 30)
    {
        (int status, string output, string error) = await _systemd.TryExecAsync("/bin/sh", "-c", $"for i in $(seq {seconds * 50}); do if {line}; then exit 0; fi; sleep 0.02; done; exit 1");
        status.Should().Be(0, "in time: {0}\n{1}{2}", line, output, error);
    }

    /// <summary>How units are.</summary>
    internal async Task<IReadOnlyDictionary<string, UnitLook>> LookAsync(params IEnumerable<string> units)
    {
        var looks = new Dictionary<string, UnitLook>(StringComparer.Ordinal);
        string output = await _systemd.ExecAsync(["systemctl", "show", "-p", "Id,ActiveState,FreezerState,InvocationID", .. units]);
        foreach (string block in output.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var values = block.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split('=', 2)).ToDictionary(static pair => pair[0], static pair => pair[1]);
            looks[values["Id"]] = new UnitLook(values["ActiveState"], values.GetValueOrDefault("FreezerState", ""), values["InvocationID"]);
        }
        return looks;
    }

    /// <summary>Everything in the journal from a moment on, in order.</summary>
    internal async Task<IReadOnlyList<TimeLineEntry>> TimeLineAsync(DateTimeOffset since)
    {
        string output = await _systemd.ExecAsync("journalctl", "--no-pager", "-q", "-o", "json", $"--since=@{since.ToUnixTimeMilliseconds() / 1000.0}");
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Entry).OrderBy(static entry => entry.Microseconds)];
    }

    private static TimeLineEntry Entry(string json)
    {
        JsonElement line = JsonDocument.Parse(json).RootElement;
        string unit = line.TryGetProperty("UNIT", out JsonElement of) ? of.GetString()! : line.TryGetProperty("_SYSTEMD_UNIT", out JsonElement by) ? by.GetString()! : "";
        string message = line.TryGetProperty("MESSAGE", out JsonElement said) && said.ValueKind == JsonValueKind.String ? said.GetString()! : "";
        return new TimeLineEntry(long.Parse(line.GetProperty("__REALTIME_TIMESTAMP").GetString()!, System.Globalization.CultureInfo.InvariantCulture), unit, message);
    }

    public async ValueTask DisposeAsync()
    {
        await _systemd.DisposeAsync();
        PosixDirectory.Current.RemoveTree(BytePath.From(Disk));
    }
}

/// <summary>How a unit is.</summary>
internal sealed record UnitLook(string ActiveState, string FreezerState, string InvocationId);

/// <summary>A line of the journal.</summary>
internal sealed record TimeLineEntry(long Microseconds, string Unit, string Message);
