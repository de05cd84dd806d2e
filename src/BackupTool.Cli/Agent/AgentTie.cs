using System.Globalization;
using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>
/// What ties a run to the agent that started it: it ends when the agent is killed. When only the main process of a unit is killed, systemd calls ExecStopPost= while the others still live, and
/// kills them afterwards: a <c>recover</c> there would find a living run, which is then killed with services down. So in a unit a run ends at once, and what it stopped is brought back by
/// ExecStopPost=; elsewhere it ends gently, and brings it back itself.
/// </summary>
internal static class AgentTie
{
    private const string Variable = "BACKUP_AGENT", Gently = "gently";

    /// <summary>Ties a process that the agent is about to start, from a thread that outlives it.</summary>
    internal static void Tie(IDictionary<string, string?> environment, bool isInUnit) =>
        environment[Variable] = string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}{(isInUnit ? "" : $" {Gently}")}");

    /// <summary>Ties this process, if an agent has started it. What it starts itself is not tied.</summary>
    internal static void Honour()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(' ') is not [var agent, .. var how]) return;
        Environment.SetEnvironmentVariable(Variable, null);
        if (int.TryParse(agent, NumberStyles.None, CultureInfo.InvariantCulture, out int process)) PosixProcess.EndWith(process, how is [Gently]);
    }
}
