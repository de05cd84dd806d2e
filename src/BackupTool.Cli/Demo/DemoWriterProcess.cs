using System.Diagnostics;
using BackupTool.Operations;

namespace BackupTool.Cli.Demo;

/// <summary>The writing bot as a child process. It ends when it is told to, and when this process dies: its input ends then.</summary>
internal sealed class DemoWriterProcess : IAsyncDisposable
{
    /// <summary>The hidden subcommand that is the child.</summary>
    internal const string Subcommand = "demo-writer";
    private readonly Process _process;

    private DemoWriterProcess(Process process) => _process = process;

    internal static async Task<DemoWriterProcess> StartAsync(string directory, CancellationToken cancellationToken)
    {
        string self = Environment.ProcessPath ?? throw new OperationException("This program cannot find its own executable.");
        // "dotnet backup.dll" runs under the host, which wants to be told what to run.
        string[] arguments = Path.GetFileNameWithoutExtension(self) == "dotnet" ? [Environment.GetCommandLineArgs()[0], Subcommand, directory] : [Subcommand, directory];
        Process process = Process.Start(new ProcessStartInfo(self, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        var writer = new DemoWriterProcess(process);
        if (await process.StandardOutput.ReadLineAsync(cancellationToken) == DemoWriter.ReadyLine) return writer;
        await writer.DisposeAsync();
        throw new OperationException("The demo failed: the writing process did not start.");
    }

    /// <summary>Ends it and takes its report.</summary>
    internal async Task<DemoWriterReport> StopAsync(CancellationToken cancellationToken)
    {
        _process.StandardInput.Close();
        string? line = await _process.StandardOutput.ReadLineAsync(cancellationToken);
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode == 0 && line is not null ? DemoWriterReport.Parse(line)
            : throw new OperationException($"The demo failed: the writing process ended with {_process.ExitCode}.");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }
}
