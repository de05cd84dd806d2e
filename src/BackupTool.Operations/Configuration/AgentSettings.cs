using System.Net;
using BackupTool.Posix;

namespace BackupTool.Operations.Configuration;

/// <summary><c>[agent]</c>: where the agent says how it is. Who may reach it may read it; there is nothing secret in it, and nothing can be changed through it.</summary>
public sealed record AgentSettings
{
    /// <summary>The unix socket, absolute; null for <c>agent.sock</c> in $RUNTIME_DIRECTORY, or where that is not set in /run/backup.</summary>
    public BytePath? Socket { get; init; }

    /// <summary>The address to listen on besides; null for none. One of the loopback interface, but with <see cref="AllowRemote"/>.</summary>
    public IPEndPoint? Listen { get; init; }

    /// <summary>Whether <see cref="Listen"/> may be an address that other machines reach.</summary>
    public bool AllowRemote { get; init; }
}
