using System.Runtime.InteropServices;
using System.Threading.Channels;

namespace BackupTool.Cli.Agent;

/// <summary>What the agent is asked to do.</summary>
internal enum AgentSignal
{
    /// <summary>SIGHUP: load the configuration again.</summary>
    Reload,
    /// <summary>SIGTERM: end, and that is well.</summary>
    Stop,
    /// <summary>SIGINT: somebody at a terminal cancels.</summary>
    Cancel,
}

/// <summary>Signals as a queue: none is lost while the agent is busy, and none ends the process.</summary>
internal sealed class AgentSignals : IDisposable
{
    private readonly Channel<AgentSignal> _queue = Channel.CreateUnbounded<AgentSignal>();
    private readonly List<PosixSignalRegistration> _registrations = [];

    /// <summary>What has come.</summary>
    internal ChannelReader<AgentSignal> Reader => _queue.Reader;

    /// <summary>From now on this process's signals come here.</summary>
    internal static AgentSignals Register()
    {
        var signals = new AgentSignals();
        foreach ((PosixSignal number, AgentSignal meaning) in ((PosixSignal, AgentSignal)[])[(PosixSignal.SIGHUP, AgentSignal.Reload), (PosixSignal.SIGTERM, AgentSignal.Stop), (PosixSignal.SIGINT, AgentSignal.Cancel)])
            signals._registrations.Add(PosixSignalRegistration.Create(number, context =>
            {
                context.Cancel = true;
                signals.Send(meaning);
            }));
        return signals;
    }

    /// <summary>As if the signal had come.</summary>
    internal void Send(AgentSignal signal) => _queue.Writer.TryWrite(signal);

    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());
}
