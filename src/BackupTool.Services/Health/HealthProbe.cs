namespace BackupTool.Services.Health;

/// <summary>How a service is asked whether it is well. That its unit is active is asked besides, always.</summary>
public abstract record HealthProbe;

/// <summary>A GET answers with one of some codes.</summary>
/// <param name="Url">http or https. Redirects are answers like any other.</param>
/// <param name="ExpectedCodes">At least one.</param>
public sealed record HttpProbe(Uri Url, IReadOnlyList<int> ExpectedCodes) : HealthProbe;

/// <summary>A TCP connection is accepted.</summary>
/// <param name="Host">An address, better than a name.</param>
/// <param name="Port">1 to 65535.</param>
public sealed record TcpProbe(string Host, int Port) : HealthProbe;

/// <summary>A program ends with 0.</summary>
/// <param name="Command">The program and its arguments; no shell.</param>
public sealed record CommandProbe(IReadOnlyList<string> Command) : HealthProbe;
