resource "aws_kms_key" "database" {
  description             = "Database of ${var.prefix}, its backups and its master password"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = var.tags
}

resource "aws_db_subnet_group" "database" {
  name_prefix = "${var.prefix}-"
  subnet_ids  = var.network.private_subnets
  tags        = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "database" {
  name_prefix = "${var.prefix}-database-"
  description = "Postgres, from the services that hold it"
  vpc_id      = var.network.vpc_id
  tags        = var.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = local.admin

  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.service[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "database" {
  name_prefix = "${var.prefix}-"
  family      = "postgres16"
  description = "Connections are encrypted"
  tags        = var.tags

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "database" {
  identifier                    = var.prefix
  engine                        = "postgres"
  engine_version                = "16"
  instance_class                = var.database.instance_class
  db_name                       = "probefleet"
  username                      = "probefleet_master"
  manage_master_user_password   = true
  master_user_secret_kms_key_id = aws_kms_key.database.arn

  storage_type          = "gp3"
  allocated_storage     = var.database.storage
  max_allocated_storage = var.database.most_storage
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.database.arn

  multi_az               = var.database.multi_az
  db_subnet_group_name   = aws_db_subnet_group.database.name
  vpc_security_group_ids = [aws_security_group.database.id]
  parameter_group_name   = aws_db_parameter_group.database.name
  publicly_accessible    = false

  backup_retention_period         = var.database.backup_days
  backup_window                   = "02:00-03:00"
  maintenance_window              = "tue:09:00-tue:10:00"
  copy_tags_to_snapshot           = true
  deletion_protection             = var.deletion_protection
  skip_final_snapshot             = false
  final_snapshot_identifier       = "${var.prefix}-last"
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.database.arn
  enabled_cloudwatch_logs_exports = ["postgresql"]
  auto_minor_version_upgrade      = true
  tags                            = var.tags

  lifecycle {
    ignore_changes = [allocated_storage]
  }
}
