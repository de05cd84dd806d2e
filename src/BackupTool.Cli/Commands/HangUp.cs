using System.Runtime.InteropServices;

namespace BackupTool.Cli.Commands;

/// <summary>
/// What System.CommandLine does for SIGINT and SIGTERM, for SIGHUP and SIGQUIT: an ssh connection that breaks in the middle of a restore must not leave services down. A SIGHUP that the caller has
/// had ignored (nohup) stays ignored.
/// </summary>
internal sealed class HangUp : IDisposable
{
    private readonly CancellationTokenSource _cancellation;
    private readonly List<PosixSignalRegistration> _registrations = [];

    internal HangUp(CancellationToken cancellationToken)
    {
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGHUP, PosixSignal.SIGQUIT])
            _registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                Cancel();
            }));
    }

    // A signal may be on its way when this is disposed.
    private void Cancel()
    {
        try
        {
            _cancellation.Cancel();
        }
        catch (ObjectDisposedException)
        {
            return;   // the command has ended
        }
    }

    /// <summary>Cancelled by either signal, or with the caller's.</summary>
    internal CancellationToken Token => _cancellation.Token;

    public void Dispose()
    {
        _registrations.ForEach(static registration => registration.Dispose());
        _cancellation.Dispose();
    }
}
