namespace BackupTool.Services.Sources.Postgres;

/// <summary>What a dump turned into when it was restored.</summary>
/// <param name="Tables">Tables with rows of their own: partitions count, partitioned tables themselves do not.</param>
/// <param name="Rows">All of them, counted.</param>
/// <param name="RowsByTable">By <c>schema.table</c>, quoted where SQL would have to.</param>
public sealed record RestoredContent(int Tables, long Rows, IReadOnlyDictionary<string, long> RowsByTable);
