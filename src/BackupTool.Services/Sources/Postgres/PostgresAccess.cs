namespace BackupTool.Services.Sources.Postgres;

/// <summary>How an operator wants PostgreSQL to be reached: each overrides what the service's own configuration says, and null leaves that as it is.</summary>
/// <param name="Host">A host's name or address, or the absolute directory of a Unix socket.</param>
/// <param name="Port">Of TCP, or the number in the socket's name.</param>
/// <param name="Role">The role to connect as.</param>
/// <param name="SystemUser">The system user to run as, where peer authentication asks who is there.</param>
/// <param name="Password">The role's password.</param>
public sealed record PostgresAccess(string? Host, int? Port, string? Role, string? SystemUser, PostgresPassword? Password);
