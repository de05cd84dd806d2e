using System.Net.Sockets;
using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;

namespace BackupTool.Cli.Agent;

/// <summary>
/// Where the unix socket is. The server listens on a name beside it, which is given its mode and then takes its place: so nobody meets a socket that is open to all, and one that a killed
/// agent has left is replaced in one step.
/// </summary>
/// <param name="path">Its path, absolute.</param>
internal sealed class StatusSocket(BytePath path)
{
    private const uint Mode = 0x1b0;   // 0660

    /// <summary>Where it is.</summary>
    internal BytePath Path => path;

    /// <summary>Where the server is to listen.</summary>
    internal BytePath Unfinished { get; } = BytePath.From($"{path}.{Environment.ProcessId}");

    /// <summary>The configured one; else <c>agent.sock</c> in the first of $RUNTIME_DIRECTORY, or in /run/backup.</summary>
    internal static StatusSocket For(AgentSettings settings, string? runtimeDirectory) =>
        new(settings.Socket ?? BytePath.From(runtimeDirectory?.Split(':')[0] is ['/', ..] directory ? directory : "/run/backup").Combine("agent.sock"));

    /// <summary>Makes the directory when it is missing, and sees to it that nothing is there but what a killed agent has left.</summary>
    /// <exception cref="OperationException">Something else is there, or somebody answers.</exception>
    internal void Prepare()
    {
        Directory.CreateDirectory(path.Parent.ToString());
        PosixDirectory.Current.RemoveTree(Unfinished);
        if (!PosixDirectory.Current.TryGetStatus(path, out FileStatus status)) return;
        if (status.Kind != FileKind.Socket)
            throw new OperationException($"{path} is not a socket, and is left alone.", "Remove it, or set another `socket` in [agent].");
        if (IsAnswered()) throw new OperationException($"Somebody listens on {path} already.", "Is it another agent? Then one is enough; else set another `socket` in [agent].");
    }

    /// <summary>Publishes what the server listens on.</summary>
    internal void Publish()
    {
        PosixDirectory.Current.SetMode(Unfinished, Mode);
        PosixDirectory.Current.Rename(Unfinished, PosixDirectory.Current, path);
    }

    /// <summary>Removes it.</summary>
    internal void Remove()
    {
        foreach (BytePath name in (BytePath[])[path, Unfinished])
            if (PosixDirectory.Current.TryGetStatus(name, out FileStatus status) && status.Kind == FileKind.Socket) PosixDirectory.Current.RemoveFile(name);
    }

    private bool IsAnswered()
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path.ToString()));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable)
        {
            return false;
        }
    }
}
