using System.Globalization;

namespace BackupTool.Services.Health;

/// <summary>How a service is asked whether it is well. That its unit is active is asked besides, always.</summary>
public abstract record HealthProbe
{
    /// <summary>What is asked, for people: without anything secret.</summary>
    public abstract string Shown { get; }

    /// <summary>As <see cref="Shown"/>: a probe in a log gives nothing away.</summary>
    public sealed override string ToString() => Shown;
}

/// <summary>A GET answers with one of some codes.</summary>
/// <param name="Url">http or https. Redirects are answers like any other. User info is sent as basic authentication; it and the query are never shown.</param>
/// <param name="ExpectedCodes">At least one.</param>
public sealed record HttpProbe(Uri Url, IReadOnlyList<int> ExpectedCodes) : HealthProbe
{
    /// <summary>The URL with stars for its user info and query.</summary>
    public override string Shown => (Url.UserInfo.Length > 0 ? $"{Url.Scheme}://***@" : $"{Url.Scheme}://") + Url.Authority + Url.AbsolutePath + (Url.Query.Length > 1 ? "?***" : "");
}

/// <summary>A TCP connection is accepted.</summary>
/// <param name="Host">An address, better than a name.</param>
/// <param name="Port">1 to 65535.</param>
public sealed record TcpProbe(string Host, int Port) : HealthProbe
{
    /// <inheritdoc/>
    public override string Shown => string.Create(CultureInfo.InvariantCulture, $"{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");
}

/// <summary>A program ends with 0.</summary>
/// <param name="Command">The program and its arguments; no shell.</param>
public sealed record CommandProbe(IReadOnlyList<string> Command) : HealthProbe
{
    /// <summary>The program alone: arguments can be secret.</summary>
    public override string Shown => Command[0];
}
