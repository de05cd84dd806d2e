namespace BackupTool.Services.Sources.Postgres;

/// <summary>What an operator has said of how to reach PostgreSQL. Each part that is not null takes the place of what a service's own configuration says.</summary>
/// <param name="Host">A host's name or address, or the absolute directory of a Unix socket.</param>
/// <param name="Port">Of TCP, or the number in the socket's name.</param>
/// <param name="Role">The role to connect as.</param>
/// <param name="SystemUser">The system user to connect as, where peer authentication asks who is there.</param>
/// <param name="Password">The role's password.</param>
public sealed record PostgresAccess(string? Host, int? Port, string? Role, string? SystemUser, PostgresPassword? Password);
