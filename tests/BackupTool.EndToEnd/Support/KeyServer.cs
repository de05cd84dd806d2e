using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using RocksDbSharp;

namespace BackupTool.EndToEnd.Support;

/// <summary>
/// A homeserver, as far as who it is goes: a RocksDB where its configuration says, in which it makes itself a signing key when there is none, and an HTTP listener that answers from it.
/// </summary>
internal static partial class KeyServer
{
    private static readonly byte[] KeyName = "signing-key"u8.ToArray();

    /// <summary>Serves until it is ended.</summary>
    /// <param name="config">Has <c>database_path</c> and <c>port</c>.</param>
    /// <param name="more">A database to use instead, or <c>mute</c>: says nothing of its keys; several are divided by commas.</param>
    internal static void Serve(string config, string more)
    {
        string[] told = more.Split(',', StringSplitOptions.RemoveEmptyEntries);
        string text = File.ReadAllText(config);
        string path = told.FirstOrDefault(static word => word.StartsWith('/')) ?? PathLine().Match(text).Groups[1].Value;
        using RocksDb database = RocksDb.Open(new DbOptions().SetCreateIfMissing(), path);
        if (database.Get(KeyName) is null) database.Put(KeyName, Encoding.UTF8.GetBytes($"ed25519:{Guid.NewGuid():N}"[..14]));
        string key = Encoding.UTF8.GetString(database.Get(KeyName));
        using var listener = new TcpListener(IPAddress.Loopback, int.Parse(PortLine().Match(text).Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
        listener.Start();
        while (true)
        {
            using TcpClient client = listener.AcceptTcpClient();
            client.ReceiveTimeout = client.SendTimeout = 2000;
            try
            {
                Answer(client.GetStream(), told.Contains("mute") ? null : key);
            }
            catch (IOException)
            {
            }
        }
    }

    private static void Answer(NetworkStream stream, string? key)
    {
        var buffer = new byte[4096];
        string request = Encoding.ASCII.GetString(buffer, 0, stream.Read(buffer));
        string? body = request.StartsWith("GET /_matrix/client/versions", StringComparison.Ordinal) ? """{"versions":["v1.1"]}"""
            : request.StartsWith("GET /_matrix/key/v2/server", StringComparison.Ordinal) && key is not null ? "{\"server_name\":\"example.org\",\"verify_keys\":{\"" + key + "\":{\"key\":\"x\"}}}"
            : null;
        stream.Write(Encoding.ASCII.GetBytes($"HTTP/1.1 {(body is null ? "404 Not Found" : "200 OK")}\r\nContent-Type: application/json\r\nContent-Length: {body?.Length ?? 0}\r\nConnection: close\r\n\r\n{body}"));
    }

    [GeneratedRegex("database_path = \"([^\"]+)\"")]
    private static partial Regex PathLine();

    [GeneratedRegex("port = ([0-9]+)")]
    private static partial Regex PortLine();
}
