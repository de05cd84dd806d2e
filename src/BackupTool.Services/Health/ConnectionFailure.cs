using System.Net.Sockets;

namespace BackupTool.Services.Health;

/// <summary>Says why a connection failed.</summary>
internal static class ConnectionFailure
{
    /// <param name="failure">What the system said.</param>
    /// <param name="where">Host and port; nothing secret.</param>
    internal static string Explain(SocketException failure, string where) => failure.SocketErrorCode switch
    {
        SocketError.ConnectionRefused => $"connection refused at {where}",
        SocketError.ConnectionReset or SocketError.ConnectionAborted or SocketError.Shutdown => $"{where} broke off the connection",
        SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain or SocketError.NoRecovery => $"the name in {where} is not known",
        _ => $"no connection to {where}: {failure.Message}",
    };
}
