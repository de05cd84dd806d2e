using System.Diagnostics;

namespace BackupTool.Tests.TestSupport;

/// <summary>
/// A real systemd of its own in private namespaces (tests/run-systemd.sh), up in about 0.4 s: a fixture of a class or an assembly, or begun in a test with
/// <see cref="StartAsync"/>. Any number run side by side; each ends with the test run, however that ends. <see cref="Data"/> and the test's build output are seen inside under the
/// same paths; /tmp, /var and /run are fresh there, and the network is its own. Derive from it to have more bound.
/// </summary>
public class RealSystemd : IAsyncLifetime
{
    private static int s_made;

    private readonly string[] _binds;
    private string _root = "";
    private string? _units;

    public RealSystemd() : this([])
    {
    }

    /// <param name="binds">More directories to see inside, writable: <c>SOURCE</c> or <c>SOURCE:TARGET</c>.</param>
    protected RealSystemd(params string[] binds)
    {
        _binds = binds;
        Name = $"test-{Environment.ProcessId}-{Interlocked.Increment(ref s_made)}";
        Data = Directory.CreateTempSubdirectory("backup-systemd-").FullName;
    }

    public string Name { get; }

    /// <summary>A fresh directory that both sides see under the same path and may write to.</summary>
    public string Data { get; }

    /// <summary>What stands before a command to run it inside, as root.</summary>
    public IReadOnlyList<string> CommandPrefix => [Script, "exec", Name];

    private static string Script { get; } = FindScript();

    public static async Task<RealSystemd> StartAsync(params string[] binds)
    {
        var systemd = new RealSystemd(binds);
        await systemd.InitializeAsync();
        return systemd;
    }

    /// <summary>As <see cref="StartAsync"/>; it boots with these units in /etc/systemd/system.</summary>
    public static async Task<RealSystemd> BootAsync(string units, params string[] binds)
    {
        var systemd = new RealSystemd(binds) { _units = units };
        await systemd.InitializeAsync();
        return systemd;
    }

    public async ValueTask InitializeAsync()
    {
        List<string> start = ["start", Name, "--owner", $"{Environment.ProcessId}", "--bind", Data, "--bind-ro", AppContext.BaseDirectory.TrimEnd('/')];
        if (_units is not null) start.AddRange(["--units", _units]);
        foreach (string bind in _binds) start.AddRange(["--bind", bind]);
        try
        {
            await ScriptAsync(start);
            _root = $"/proc/{(await ScriptAsync(["pid", Name])).Trim()}/root";
        }
        catch
        {
            await DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command inside and returns what it printed; fails when it fails.</summary>
    public async Task<string> ExecAsync(params string[] command)
    {
        (int status, string output, string error) = await TryExecAsync(command);
        return status == 0 ? output : throw new InvalidOperationException($"{string.Join(' ', command)} ended with {status}: {output}{error}");
    }

    /// <summary>Runs a command inside, however it ends.</summary>
    public Task<(int Status, string Output, string Error)> TryExecAsync(params string[] command) => RunAsync(Script, ["exec", Name, .. command]);

    /// <summary>Runs a line of shell inside; fails when it fails.</summary>
    public Task<string> ShellAsync(string line) => ExecAsync("/bin/sh", "-ec", line);

    /// <summary>Makes units, and has systemd read them: name, text, name, text.</summary>
    public async Task WriteUnitsAsync(params (string Name, string Text)[] units)
    {
        foreach ((string name, string text) in units) await File.WriteAllTextAsync(Inside($"/etc/systemd/system/{name}"), text + "\n");
        await ExecAsync("systemctl", "daemon-reload");
    }

    /// <inheritdoc cref="WriteUnitsAsync"/>
    public Task WriteUnitAsync(string name, string text) => WriteUnitsAsync((name, text));

    /// <summary>A file inside, as seen from the test. Its directories must not be symbolic links.</summary>
    public string Inside(string path) => _root + path;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await ScriptAsync(["stop", Name]);
        if (Directory.Exists(Data)) Directory.Delete(Data, recursive: true);
    }

    private static async Task<string> ScriptAsync(IReadOnlyList<string> arguments)
    {
        (int status, string output, string error) = await RunAsync(Script, arguments);
        return status == 0 ? output : throw new InvalidOperationException($"run-systemd.sh {string.Join(' ', arguments)} ended with {status}: {error}");
    }

    private static async Task<(int Status, string Output, string Error)> RunAsync(string program, IReadOnlyList<string> arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output, await error);
    }

    private static string FindScript()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string script = Path.Combine(at.FullName, "tests", "run-systemd.sh");
            if (File.Exists(script)) return script;
        }
        throw new InvalidOperationException("tests/run-systemd.sh is in no directory above the tests.");
    }
}
