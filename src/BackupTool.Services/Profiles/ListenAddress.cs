using System.Globalization;
using System.Net;
using System.Net.Sockets;
using BackupTool.Services.Health;

namespace BackupTool.Services.Profiles;

/// <summary>
/// Where a service that listens on an address answers on this machine: never by the name <c>localhost</c>, which may mean <c>::1</c> where the service listens on
/// 127.0.0.1.
/// </summary>
internal sealed record ListenAddress(string Host, int Port)
{
    /// <summary>
    /// Of the addresses that a configuration lists, the one to ask: one of IPv4 where there is one. Every address is 127.0.0.1, every one of IPv6 <c>::1</c>.
    /// Null when none can be asked, or the port is none.
    /// </summary>
    internal static ListenAddress? Choose(IEnumerable<string> bound, string? port)
    {
        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number) || number == 0) return null;
        List<string> hosts = [.. bound.Select(Reachable).OfType<string>()];
        string? host = hosts.Find(static h => !h.Contains(':', StringComparison.Ordinal)) ?? hosts.FirstOrDefault();
        return host is null ? null : new ListenAddress(host, number);
    }

    /// <summary>A GET over plain HTTP.</summary>
    /// <param name="path">Begins with a slash.</param>
    /// <param name="expected">The codes of a healthy answer.</param>
    internal HttpProbe Get(string path, params int[] expected) =>
        new(new Uri($"http://{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port.ToString(CultureInfo.InvariantCulture)}{path}"), expected);

    /// <summary>That a connection is accepted: for TLS, whose certificate is not one for this address.</summary>
    internal TcpProbe Connect() => new(Host, Port);

    private static string? Reachable(string bound)
    {
        string address = bound.Trim().TrimStart('[').TrimEnd(']');
        if (address is "" or "*" or "0.0.0.0" || address.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return "127.0.0.1";
        if (address.AsSpan().ContainsAny('.', ':') && IPAddress.TryParse(address, out IPAddress? parsed))
            return parsed.Equals(IPAddress.IPv6Any) ? "::1" : parsed.AddressFamily == AddressFamily.InterNetworkV6 ? parsed.ToString() : address;
        return Uri.CheckHostName(address) == UriHostNameType.Dns ? address : null;
    }
}
