using System.ComponentModel;
using System.Globalization;
using CliWrap;

namespace BackupTool.Services.Health;

/// <summary>Runs a program: 0 is healthy. The last line of what it prints is the reason. One that does not end in time is killed with its children.</summary>
/// <param name="probe">What to run.</param>
/// <param name="patience">How long it may take; null for 10 seconds.</param>
public sealed class CommandCheck(CommandProbe probe, TimeSpan? patience = null) : IHealthCheck
{
    private readonly TimeSpan _patience = patience ?? TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public async Task<HealthAnswer> AskAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_patience);
        LastLine output = new(), error = new();
        try
        {
            CommandResult result = await Cli.Wrap(probe.Command[0])
                .WithArguments(probe.Command.Skip(1))
                .WithStandardOutputPipe(PipeTarget.Create(output.ReadAsync))
                .WithStandardErrorPipe(PipeTarget.Create(error.ReadAsync))
                .WithValidation(CommandResultValidation.None)
                .ExecuteAsync(limit.Token);
            // One that fails says why on standard error; what is well says so on standard output.
            string said = result.ExitCode == 0 ? output.Text : error.Text.Length > 0 ? error.Text : output.Text;
            string ending = result.ExitCode == 0 ? $"{probe.Shown} is content" : string.Create(CultureInfo.InvariantCulture, $"{probe.Shown} ended with {result.ExitCode}");
            return new HealthAnswer(result.ExitCode == 0, false, said.Length > 0 ? $"{ending}: {said}" : ending);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new HealthAnswer(false, false, string.Create(CultureInfo.InvariantCulture, $"{probe.Shown} did not end and close its output within {_patience.TotalSeconds:0.###} s, and was killed"));
        }
        catch (Win32Exception e)
        {
            return new HealthAnswer(false, IsFinal: true, $"{probe.Shown} cannot be run: {new Win32Exception(e.NativeErrorCode).Message}");
        }
    }
}
